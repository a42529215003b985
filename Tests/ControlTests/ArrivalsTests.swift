import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

/// Requests that wait for a plugin that is on its way.
@Suite struct ArrivalsTests {
    private let arrivals = Arrivals()
    private let resumed = NIOLockedValueBox<[String]>([])
    private let hasNews = NIOLockedValueBox(false)

    init() {
        arrivals.connect(
            hasNews: { [hasNews] in hasNews.withLockedValue { $0 } }, requestMark: { 7 })
    }

    private func wait(_ path: String) -> Bool {
        arrivals.wait(for: path) { [resumed] in resumed.withLockedValue { $0.append(path) } }
    }

    private var done: [String] { resumed.withLockedValue { $0 } }

    @Test("nobody waits while nothing has happened")
    func nothing() {
        #expect(!wait("/a"))
        arrivals.announce("b")
        #expect(!wait("/a"))
    }

    @Test("who asks for a plugin that is being taken up waits until that is over")
    func announced() {
        arrivals.announce("a")
        arrivals.announce("a")
        #expect(wait("/a/x"))
        arrivals.settled("a")
        #expect(done == [])
        arrivals.settled("a")
        #expect(done == ["/a/x"])
        #expect(!wait("/a"))
    }

    @Test("while there is news who asks for any name waits until it is read, and no longer")
    func news() {
        hasNews.withLockedValue { $0 = true }
        #expect(wait("/a"))
        #expect(wait("/b"))
        #expect(!wait("/..") && !wait("/") && !wait("/%00"))
        arrivals.announce("a")
        arrivals.reached(6)
        #expect(done == [])
        arrivals.reached(7)
        #expect(done == ["/b"])
        arrivals.settled("a")
        #expect(done == ["/b", "/a"])
    }

    @Test("nobody waits for more than a moment, and not everybody")
    func limits() async throws {
        arrivals.announce("a")
        let waiting = (0..<300).filter { _ in wait("/a") }
        #expect(waiting.count == 256)
        try await Eventually.true { done.count == 256 }
    }
}
