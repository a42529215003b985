package import NIOCore

/// Whether a method marked INLINE keeps its promise to be short.
///
/// A call that takes long by the clock may be the machine's doing. So the first one only makes the method suspect:
/// what it does on its thread is looked at from then on, for the rest of a window of calls, which costs too much to be
/// done for every call. Two calls more that are long by their own doing, or one that no scheduler explains, are enough.
package struct InlineBudget: Sendable {
    /// What an inline call may take on an I/O thread.
    package static let limit: TimeAmount = .milliseconds(1)
    /// What one call that was looked at may not take.
    static let gross: TimeAmount = .milliseconds(100)
    /// What no scheduler explains.
    static let inexplicable: TimeAmount = .seconds(1)
    private static let strikes = 2
    private static let window = 1_024

    /// Whether the method's calls are to be looked at closely.
    package private(set) var isSuspect = false
    private var calls = 0
    private var overstays = 0

    package init() {}

    /// Counts a call.
    ///
    /// - Parameters:
    ///   - duration: by the clock.
    ///   - isOwnDoing: whether it was long by its own doing; nil when that was not looked at.
    /// - Returns: whether the method is to be taken off the I/O threads.
    package mutating func record(_ duration: TimeAmount, isOwnDoing: Bool?) -> Bool {
        calls += 1
        if calls > Self.window {
            calls = 1
            overstays = 0
            isSuspect = false
        }
        guard duration > Self.limit, isOwnDoing ?? true else { return false }
        if isOwnDoing == nil {
            isSuspect = true
            return duration > Self.inexplicable
        }
        overstays += 1
        return overstays >= Self.strikes || duration > Self.gross
    }
}
