import HostCore
import HostPlugins

/// Runs these at once, each on a thread of its own, and waits for all of them.
func onThreads(_ bodies: [@Sendable () -> Void]) async {
    await withTaskGroup(of: Void.self) { group in
        for body in bodies {
            group.addTask {
                await withCheckedContinuation { continuation in
                    PluginThread.start(name: "test") {
                        body()
                        continuation.resume()
                    }
                }
            }
        }
    }
}
