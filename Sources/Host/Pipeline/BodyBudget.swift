package import HostCore
package import NIOCore
internal import Synchronization

/// How many bytes of request bodies the host holds at once, all connections together, and that there are not too many.
///
/// Bodies are counted as they arrive, and never by what their clients announce: a client that announces much and sends
/// nothing takes nothing from the others. The last part of the budget is for small bodies alone, so that a few large
/// uploads keep nobody from calling. Any thread.
package final class BodyBudget: Sendable {
    /// Up to here a body is a small one, in bytes.
    package static let smallBody = 64 << 10
    /// How long after it was short of room the budget counts as short.
    private static let shortage: TimeAmount = .seconds(1)

    /// The refusal of a body for which there is no room.
    package static let noRoom = DispatchError(
        .refused(httpStatus: 503),
        "the host holds as many bytes of request bodies as it may; try again in a moment",
        headers: [("retry-after", "1")])

    private let limit: Int
    private let limitForLarge: Int
    private let held = Atomic<Int>(0)
    /// When there was no room for a body last, in nanoseconds of uptime; 0: never.
    private let lastShortage = Atomic<UInt64>(0)

    /// - Parameters:
    ///   - limit: in bytes.
    ///   - largestBody: what one body may have: the budget has room for one such.
    package init(limit: Int, largestBody: Int) {
        self.limit = max(limit, largestBody)
        limitForLarge = max(limit / 8 * 7, largestBody)
    }

    /// In bytes.
    package var bytesHeld: Int { held.load(ordering: .relaxed) }

    /// Whether there is room for a body at this moment. It is not kept free.
    package func hasRoom(for size: Int) -> Bool {
        if held.load(ordering: .relaxed) + size <= limit(for: size) { return true }
        noteShortage()
        return false
    }

    /// Whether bodies were refused a moment ago.
    package func isShort(at now: NIODeadline) -> Bool {
        let last = lastShortage.load(ordering: .relaxed)
        return last > 0 && now < .uptimeNanoseconds(last) + Self.shortage
    }

    /// - Parameter size: of the whole body, as far as it is known.
    fileprivate func take(_ count: Int, forBodyOf size: Int) -> Bool {
        let limit = limit(for: size)
        var current = held.load(ordering: .relaxed)
        while current + count <= limit {
            let (isDone, now) = held.weakCompareExchange(
                expected: current, desired: current + count, ordering: .relaxed)
            if isDone { return true }
            current = now
        }
        return false
    }

    fileprivate func giveBack(_ count: Int) {
        if count > 0 { held.subtract(count, ordering: .relaxed) }
    }

    fileprivate func noteShortage() {
        lastShortage.store(NIODeadline.now().uptimeNanoseconds, ordering: .relaxed)
    }

    private func limit(for size: Int) -> Int { size <= Self.smallBody ? limit : limitForLarge }
}

/// What one request has taken of the ``BodyBudget``. Given back when nobody refers to it any more, who so holds the
/// body: the connection that receives it, a stage, a call that waits or runs, a shadow.
package final class BodyAllowance: Sendable {
    private let budget: BodyBudget
    private let taken = Atomic<Int>(0)

    package init(_ budget: BodyBudget) {
        self.budget = budget
    }

    deinit { release() }

    /// Sees to it that the budget has room for a body that has grown. One thread at a time.
    ///
    /// - Parameter announced: how many bytes it will have; nil: nobody knows.
    /// - Returns: false when there is none.
    package func cover(_ size: Int, announced: Int?) -> Bool {
        let taken = taken.load(ordering: .relaxed)
        guard size > taken else { return true }
        // Twice what has come: a buffer grows so. And whoever has sent half is not refused the rest.
        let wanted = max(size, min(announced ?? .max, 2 * size))
        return add(wanted - taken, forBodyOf: wanted) || add(size - taken, forBodyOf: size)
            || refuse()
    }

    /// Takes room for something beside the body that was received, such as the same without its coding.
    ///
    /// - Returns: false when there is none.
    package func add(_ count: Int) -> Bool { add(count, forBodyOf: count) || refuse() }

    /// The bytes are gone: gives the room back now.
    package func release() {
        budget.giveBack(taken.exchange(0, ordering: .relaxed))
    }

    private func add(_ count: Int, forBodyOf size: Int) -> Bool {
        guard budget.take(count, forBodyOf: size) else { return false }
        taken.add(count, ordering: .relaxed)
        return true
    }

    private func refuse() -> Bool {
        budget.noteShortage()
        return false
    }
}
