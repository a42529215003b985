internal import ArgumentParser
internal import Foundation
internal import HostAdmin
internal import HostControl
internal import HostForms

/// Whether a command waits until its change is in effect, and for how long.
struct WaitOptions: ParsableArguments {
    @Flag(inversion: .prefixedNo, help: "Wait until the change is in effect.")
    var wait = true

    @Option(help: ArgumentHelp("How long to wait.", valueName: "duration"))
    var timeout = DurationArgument(.seconds(60))

    /// Waits until backends are served as they are configured; tells how far they are, on a terminal.
    ///
    /// - Returns: the backends, whether they are served by then or nobody waited.
    /// - Throws: ``NotServed`` with the reason of one that can't be, or when the time is up.
    func untilServed(
        _ tags: [String], by client: AdminClient
    ) async throws -> [BackendStatus] {
        let end = timeout.duration.map { ContinuousClock.now + $0 }
        var progress = ProgressLine()
        defer { progress.clear() }
        while true {
            let backends = try await client.backends().filter { tags.contains($0.tag) }
            let pending = backends.filter { !$0.serving.isReady }
            if !wait || pending.isEmpty { return backends }
            if let failed = pending.first(where: { $0.serving.reason != nil }) {
                throw NotServed(
                    description: "backend \(failed.tag) is not served as it is configured: "
                        + (failed.serving.reason ?? ""))
            }
            if let end, ContinuousClock.now >= end {
                throw NotServed(
                    description: "backend \(pending[0].tag) is not served after "
                        + "\(DurationText.format(timeout.duration ?? .zero)): "
                        + Self.describe(pending[0])
                        + "; `backplane backends list` shows how it goes on")
            }
            progress.show(pending.map(Self.describe).joined(separator: ", "))
            try await Task.sleep(for: .milliseconds(20))
        }
    }

    private static func describe(_ backend: BackendStatus) -> String {
        guard backend.serving.generation != nil else {
            return "\(backend.tag) waits for the plugin \(backend.plugin)"
        }
        return "\(backend.tag) has \(backend.serving.replicas) of "
            + "\(backend.serving.targetReplicas) replicas"
    }

    /// Why a change is not in effect, in one line for people.
    struct NotServed: Error, CustomStringConvertible {
        let description: String
    }
}
