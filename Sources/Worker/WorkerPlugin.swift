internal import HostCore
internal import HostLoader
internal import HostPlugins
internal import HostTransport
internal import Logging
internal import NIOConcurrencyHelpers
internal import NIOCore

/// The plugin's library in this process, and its instance. Orders but for calls and health checks come one at a time.
final class WorkerPlugin: Sendable {
    private struct Loaded {
        var generation: PluginGeneration?
        var instance: PluginInstance?
        var reportedMisuses = 0
    }

    private let reports: ReportWriter
    let endpoints: RemoteEndpoints
    private let loaded = NIOLockedValueBox(Loaded())

    init(_ reports: ReportWriter) {
        self.reports = reports
        endpoints = RemoteEndpoints(reports)
    }

    func run(_ calls: [RemoteCall], method: Int) {
        guard let instance = loaded.withLockedValue({ $0.instance }),
            instance.generation.descriptor.methods.indices.contains(method)
        else { preconditionFailure("calls before there is an instance") }
        if calls.count == 1 {
            instance.invoke(method: method, call: calls[0])
        } else {
            instance.invoke(method: method, calls: calls)
        }
    }

    /// Runs a call that others stood before; nobody may wait for it any more.
    func runCarried(_ call: RemoteCall, method: Int) {
        guard !call.isAbandoned else {
            return call.finish(.failure(CallFailure(.cancelled, "nobody waits for the answer")))
        }
        run([call], method: method)
    }

    func carryOut(_ order: WorkerOrder) -> Result<ByteBuffer, PluginError> {
        Result { () throws(PluginError) in
            switch order {
            case .load(let library): return try load(library).packed
            case .create(let replica, let backend, let userConfig):
                let instance = try PluginInstance(
                    of: generation, replica: replica, backend: backend, userConfig: userConfig)
                loaded.withLockedValue { $0.instance = instance }
            case .warmUp: try instance.warmUp()
            case .checkHealth: try instance.checkHealth()
            case .save: return ByteBuffer(bytes: try instance.save())
            case .restore(let state): try instance.restore(Array(buffer: state))
            case .reconfigure(let userConfig): try instance.reconfigure(userConfig)
            case .end: end()
            case .answer(let number, let answer): endpoints.take(answer, to: number)
            case .calls: preconditionFailure("calls are run")
            }
            return ByteBuffer()
        }
    }

    /// Tells the host how often the plugin has broken the contract, if that is news.
    func reportMisuses() {
        let news = loaded.withLockedValue { loaded -> Int? in
            let total = loaded.generation?.violations.total ?? 0
            guard total != loaded.reportedMisuses else { return nil }
            loaded.reportedMisuses = total
            return total
        }
        if let news { reports.write(WorkerReport.misuses(news).packed) }
    }

    private var generation: PluginGeneration { loaded.withLockedValue { $0.generation! } }
    private var instance: PluginInstance { loaded.withLockedValue { $0.instance! } }

    private func load(
        _ library: WorkerOrder.LibraryOrder
    ) throws(PluginError) -> PluginDescription {
        var logger = Logger(label: "backplane.plugin") { [reports] _ in ReportedLog(to: reports) }
        logger.logLevel = Logger.Level.allCases[Int(library.logLevel)]
        // The host's own keys, which a plugin's fields don't replace.
        logger[metadataKey: "plugin"] = "\(library.plugin)"
        logger[metadataKey: "generation"] = "\(library.generation)"
        let generation = try PluginGeneration.load(
            keptElsewhere: LibraryStore.Copy(
                path: library.path, fingerprint: 0, source: library.source),
            number: library.generation,
            place: LibraryPlace(
                path: library.source, manifestPath: library.manifestPath,
                dataDirectory: library.dataDirectory), endpoints: endpoints, logger: logger)
        loaded.withLockedValue { $0.generation = generation }
        return PluginDescription(of: generation)
    }

    private func end() {
        let (generation, instance) = loaded.withLockedValue { loaded in
            defer { (loaded.generation, loaded.instance) = (nil, nil) }
            return (loaded.generation, loaded.instance)
        }
        instance?.destroy()
        _ = generation?.unload()
    }
}
