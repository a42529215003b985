import Dispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix

/// A real event loop that knows how many tasks are scheduled on it.
final class CountingEventLoop: EventLoop {
    struct Counts: Sendable {
        /// All that ever were.
        var scheduled = 0
        /// Those that have neither run nor been cancelled.
        var waiting = 0
        var mostWaiting = 0
    }

    private let real: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
    private let state = NIOLockedValueBox(Counts())

    var counts: Counts { state.withLockedValue { $0 } }

    var inEventLoop: Bool { real.inEventLoop }

    func execute(_ task: @escaping @Sendable () -> Void) { real.execute(task) }

    func submit<Value>(_ task: @escaping @Sendable () throws -> Value) -> EventLoopFuture<Value> {
        real.submit(task)
    }

    func scheduleTask<Value>(
        deadline: NIODeadline, _ task: @escaping @Sendable () throws -> Value
    ) -> Scheduled<Value> {
        counted(real.scheduleTask(deadline: deadline, task))
    }

    func scheduleTask<Value>(
        in time: TimeAmount, _ task: @escaping @Sendable () throws -> Value
    ) -> Scheduled<Value> {
        counted(real.scheduleTask(in: time, task))
    }

    private func counted<Value>(_ scheduled: Scheduled<Value>) -> Scheduled<Value> {
        state.withLockedValue { counts in
            counts.scheduled += 1
            counts.waiting += 1
            counts.mostWaiting = max(counts.mostWaiting, counts.waiting)
        }
        scheduled.futureResult.whenComplete { [state] _ in
            state.withLockedValue { $0.waiting -= 1 }
        }
        return scheduled
    }

    func shutdownGracefully(
        queue: DispatchQueue, _ callback: @escaping @Sendable ((any Error)?) -> Void
    ) {
        callback(nil)
    }
}
