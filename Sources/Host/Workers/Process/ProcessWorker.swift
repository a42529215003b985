internal import HostCore
internal import HostDispatch
internal import HostTransport
internal import NIOCore

/// Runs a replica's calls in a process of its own.
///
/// What the plugin does there ends nobody else: calls that it has when it ends are failed, and the backend is told.
final class ProcessWorker: ReplicaWorker {
    private let link: WorkerLink

    init(_ link: WorkerLink) {
        self.link = link
    }

    func prepare(_ assignment: Assignment, of owner: any AssignmentOwner) -> (any Wakeable)? {
        link.prepare(assignment, of: owner)
    }

    func runInline(_ assignment: Assignment, of owner: any AssignmentOwner) {
        preconditionFailure("nothing of another process is inline")
    }

    func whenEnded(_ listener: @escaping @Sendable (String) -> Void) {
        link.whenEnded { listener("its worker process ended \($0)") }
    }

    func callHangs() { link.kill(because: "a call went on after its deadline") }

    // MARK: Lifecycle

    func warmUp(within limit: Duration) async throws(PluginError) {
        _ = try await perform(.warmUp, "warm_up", within: limit)
    }

    func checkHealth(within limit: Duration) async throws(PluginError) {
        _ = try await perform(.checkHealth, "health check", within: limit)
    }

    func save(within limit: Duration) async throws(PluginError) -> [UInt8] {
        Array(buffer: try await perform(.save, "save", within: limit))
    }

    func restore(_ state: [UInt8], within limit: Duration) async throws(PluginError) {
        _ = try await perform(.restore(ByteBuffer(bytes: state)), "restore", within: limit)
    }

    func reconfigure(_ userConfig: String, within limit: Duration) async throws(PluginError) {
        _ = try await perform(.reconfigure(userConfig), "reconfigure", within: limit)
    }

    /// Destroys the instance, unloads the library, and waits for the process's end. One that has ended by itself has
    /// nothing left to be stopped.
    func stop(within limit: Duration) async throws(PluginError) {
        let time = TimeLimit(limit)
        do throws(PluginError) {
            _ = try await link.perform(.end, "destroy", within: limit)
        } catch  where error.code == .timedOut {
            link.kill(because: "destroy did not return within \(limit)")
        } catch {
            // It has ended.
        }
        await link.ended(within: time.left)
    }

    func abandon() { link.kill(because: "a call did not return in time") }

    /// A process whose plugin does not come back from a lifecycle function is of no use any more.
    private func perform(
        _ order: WorkerOrder, _ what: String, within limit: Duration
    ) async throws(PluginError) -> ByteBuffer {
        do throws(PluginError) {
            return try await link.perform(order, what, within: limit)
        } catch {
            if error.code == .timedOut { link.kill(because: error.message) }
            throw error
        }
    }
}
