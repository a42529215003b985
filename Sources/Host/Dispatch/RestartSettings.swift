/// How worker processes that die are replaced.
package struct RestartSettings: Sendable, Equatable {
    /// How long the second one in a row waits; it doubles with each more. The first is replaced at once.
    package var backoff: Duration = .milliseconds(100)
    /// The longest wait.
    package var maxBackoff: Duration = .seconds(30)
    /// How many may die within ``window``; one more, and the next is only tried after ``maxBackoff``. 0: any number.
    package var deaths = 5
    package var window: Duration = .seconds(60)

    package init() {}
}
