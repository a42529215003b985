internal import HostPlugins

/// Replica threads that have work and are to be woken for it, together.
///
/// An event loop that reads many requests in a row would be interrupted by the thread that it wakes for the first of
/// them; collecting the wake-ups until it has read them all saves a change of threads per request. Confined to whoever
/// collects.
package struct WakeupBatch {
    private var threads: [SerialThread] = []

    package init() {}

    package var isEmpty: Bool { threads.isEmpty }

    mutating func add(_ thread: SerialThread) {
        threads.append(thread)
    }

    /// Wakes them.
    package mutating func wake() {
        for thread in threads { thread.wake() }
        threads.removeAll(keepingCapacity: true)
    }
}
