/// A duration, or no limit where there may be none.
package struct ConfiguredTime: Sendable, Hashable {
    /// nil: no limit.
    package var duration: Duration?

    package init(_ duration: Duration?) {
        self.duration = duration
    }
}
