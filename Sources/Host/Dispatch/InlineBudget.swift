internal import NIOCore

/// Whether a method marked INLINE keeps its promise to be short.
///
/// One long call may be the machine's doing, so it takes three in a window of calls, or one that no scheduler
/// explains.
struct InlineBudget {
    /// What an inline call may take on an I/O thread.
    static let limit: TimeAmount = .milliseconds(1)
    /// What is beyond any doubt.
    static let gross: TimeAmount = .milliseconds(100)
    private static let strikes = 3
    private static let window = 1_024

    private var calls = 0
    private var overstays = 0

    /// Counts a call.
    ///
    /// - Returns: whether the method is to be taken off the I/O threads.
    mutating func record(_ duration: TimeAmount) -> Bool {
        calls += 1
        if calls > Self.window {
            calls = 1
            overstays = 0
        }
        guard duration > Self.limit else { return false }
        overstays += 1
        return overstays >= Self.strikes || duration > Self.gross
    }
}
