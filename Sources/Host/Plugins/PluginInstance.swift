internal import HostTypedCalls
internal import Logging
internal import NIOConcurrencyHelpers
internal import PluginABI

/// The state of one replica, made by the plugin's `create`.
///
/// Every function here is [replica-thread]: calls must not overlap, except ``invoke(method:calls:)`` with itself when
/// the plugin is re-entrant. The replica that owns the instance sees to that.
@safe package final class PluginInstance: @unchecked Sendable {
    // Sendable: the pointer is never followed here, only handed back to the plugin, on the threads it was promised.
    package let generation: PluginGeneration
    private let pointer: OpaquePointer?

    /// Runs the plugin's `create`.
    ///
    /// - Parameters:
    ///   - replica: the replica's index in its backend.
    ///   - userConfig: JSON.
    /// - Throws: ``PluginError`` with the plugin's message.
    package init(
        of generation: PluginGeneration, replica: Int, backend: String, userConfig: String
    ) throws(PluginError) {
        self.generation = generation
        var instance: OpaquePointer?
        if let adopted = generation.library.adopted {
            unsafe instance = try unsafe OpaquePointer(adopted.makeInstance(userConfig: userConfig))
        }
        if let create = unsafe generation.library.functions.create {
            unsafe try LifecycleError.check("create") { error in
                unsafe Self.withStrings(backend, userConfig) { backend, userConfig in
                    var arguments = unsafe backplane_create_args_t(
                        struct_size: UInt32(MemoryLayout<backplane_create_args_t>.size),
                        replica: UInt32(replica), backend: backend, user_config: userConfig)
                    return unsafe create(generation.host.pointer, &arguments, &instance, error)
                }
            }
        }
        unsafe pointer = instance
    }

    /// Runs the plugin's `destroy`. No call of the instance may be unfinished.
    package func destroy() {
        if let adopted = generation.library.adopted {
            if let failure = unsafe adopted.destroy(UnsafeMutableRawPointer(pointer)) {
                generation.conduct.logger.error("the destructor failed: \(failure)")
            }
            return
        }
        unsafe generation.library.functions.destroy?(pointer)
    }

    /// Runs calls of one method. They are finished by the plugin; those that it may not leave open and does are
    /// finished here with INTERNAL.
    ///
    /// - Parameters:
    ///   - method: an index into the descriptor's methods.
    ///   - calls: one call, or several if the method is batchable.
    package func invoke(method: Int, calls: [any PluginCall]) {
        switch generation.library.function(of: method) {
        case .invoke(let invoke): unsafe self.invoke(invoke, method, calls)
        case .typed(let function):
            for call in calls { run(function, call) }
        }
    }

    private func invoke(
        _ invoke: PluginLibrary.Invoke, _ method: Int, _ calls: [any PluginCall]
    ) {
        let description = generation.descriptor.methods[method]
        let registry = generation.context.calls
        let unfinished = unsafe withUnsafeTemporaryAllocation(
            of: backplane_call_t.self, capacity: calls.count
        ) { handed -> [any PluginCall] in
            unsafe registry.enter(
                calls, method: method, isInline: description.isInline,
                host: generation.host.pointer, output: handed)
            unsafe invoke(pointer, UnsafePointer(handed.baseAddress!), UInt32(calls.count))
            return unsafe description.isAsync ? [] : registry.takeUnfinished(handed)
        }
        for call in unfinished {
            generation.conduct.record(.leftUnfinished)
            call.finish(
                .failure(
                    PluginFailure(
                        .internal,
                        "the plugin returned from \(description.name) without finishing the call")))
        }
    }

    /// Runs one call of a typed method. It needs no place in the registry: the function never sees the call.
    private func run(_ function: TypedFunction, _ call: any PluginCall) {
        // It would work for nobody, and has no way to see that.
        guard !call.isAbandoned else {
            call.finish(.failure(PluginFailure(.cancelled, "nobody waits for the answer")))
            return
        }
        let result = unsafe function.call(
            body: call.argument, contentType: call.contentType,
            query: { call.makeMetadata().query }, instance: UnsafeMutableRawPointer(pointer))
        switch result {
        case .success(let answer):
            call.finish(
                .success(PluginResponse(body: answer.body, contentType: answer.contentType)))
        case .failure(let failure):
            if failure.brokeSignature { generation.conduct.record(.brokenSignature) }
            call.finish(
                .failure(PluginFailure(StatusCode(failure: failure.status), failure.message)))
        }
    }

    /// Tells the plugin of a new `user_config`. Requires `takesNewConfiguration`.
    ///
    /// - Throws: ``PluginError`` with the plugin's message; it keeps the old one then.
    package func reconfigure(_ userConfig: String) throws(PluginError) {
        guard let reconfigure = unsafe generation.library.functions.reconfigure else {
            preconditionFailure("reconfigure of a plugin without that function")
        }
        unsafe try LifecycleError.check("reconfigure") { error in
            var text = userConfig
            return text.withUTF8 { unsafe reconfigure(pointer, Self.string($0), error) }
        }
    }

    // MARK: Extensions

    /// Runs the plugin's warm-up, if it has one.
    package func warmUp() throws(PluginError) {
        guard let warmUp = unsafe generation.extensions.warmUp?.warm_up else { return }
        unsafe try LifecycleError.check("warm_up") { error in unsafe warmUp(pointer, error) }
    }

    /// Asks the plugin whether the instance can serve, if it has a way to tell.
    package func checkHealth() throws(PluginError) {
        guard let check = unsafe generation.extensions.health?.check else { return }
        unsafe try LifecycleError.check("health check") { error in unsafe check(pointer, error) }
    }

    /// The instance's state for the next generation. Requires `handsStateOver`.
    package func save() throws(PluginError) -> [UInt8] {
        guard let save = unsafe generation.extensions.state?.save else {
            preconditionFailure("save of a plugin without the state extension")
        }
        let bytes = StateSink()
        unsafe try LifecycleError.check("save") { error in
            var sink = unsafe backplane_sink_t(
                struct_size: UInt32(MemoryLayout<backplane_sink_t>.size), reserved: 0,
                context: Unmanaged.passUnretained(bytes).toOpaque(), write: StateSink.write)
            return unsafe save(pointer, &sink, error)
        }
        return bytes.bytes
    }

    /// Takes over the state that another generation's ``save()`` returned. Requires `handsStateOver`.
    package func restore(_ state: [UInt8]) throws(PluginError) {
        guard let restore = unsafe generation.extensions.state?.restore else {
            preconditionFailure("restore of a plugin without the state extension")
        }
        unsafe try LifecycleError.check("restore") { error in
            unsafe state.withUnsafeBufferPointer { buffer in
                unsafe restore(
                    pointer,
                    backplane_bytes_t(data: buffer.baseAddress, size: UInt64(buffer.count)), error)
            }
        }
    }

    private static func withStrings<Value>(
        _ first: String, _ second: String,
        _ body: (backplane_string_t, backplane_string_t) -> Value
    ) -> Value {
        var (first, second) = (first, second)
        return first.withUTF8 { first in
            second.withUTF8 { second in
                unsafe body(string(first), string(second))
            }
        }
    }

    private static func string(_ bytes: UnsafeBufferPointer<UInt8>) -> backplane_string_t {
        unsafe backplane_string_t(
            data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
            size: UInt64(bytes.count))
    }
}

/// Collects what a plugin's `save` writes, from whatever threads.
private final class StateSink: Sendable {
    private let collected = NIOLockedValueBox<[UInt8]>([])
    private static let limit = 64 << 20

    var bytes: [UInt8] { collected.withLockedValue { $0 } }

    static let write:
        @convention(c) (UnsafeMutablePointer<backplane_sink_t>, backplane_bytes_t) ->
            backplane_status_t = { sink, added in
                let target = unsafe Unmanaged<StateSink>.fromOpaque(sink.pointee.context!)
                    .takeUnretainedValue()
                return unsafe target.append(added)
            }

    private func append(_ added: backplane_bytes_t) -> backplane_status_t {
        guard unsafe added.size > 0 else { return backplane_status_t(BACKPLANE_STATUS_OK) }
        guard let data = unsafe added.data else {
            return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
        }
        return collected.withLockedValue { bytes in
            guard unsafe added.size <= UInt64(Self.limit - bytes.count) else {
                return backplane_status_t(BACKPLANE_STATUS_RESOURCE_EXHAUSTED)
            }
            unsafe bytes.append(
                contentsOf: UnsafeBufferPointer(start: data, count: Int(added.size)))
            return backplane_status_t(BACKPLANE_STATUS_OK)
        }
    }
}
