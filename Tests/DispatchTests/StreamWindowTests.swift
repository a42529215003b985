import Foundation
import HostCore
import NIOConcurrencyHelpers
import TestSupport
import Testing

@testable import HostDispatch

@Suite struct StreamWindowTests {
    /// Waits for room on a thread of its own.
    private final class Waiter: Sendable {
        private let result = NIOLockedValueBox<Bool?>(nil)

        init(_ window: StreamWindow, size: Int) {
            Thread.detachNewThread { [self] in
                let isOpen = window.waitForRoom(size)
                result.withLockedValue { $0 = isOpen }
            }
        }

        var outcome: Bool? { result.withLockedValue { $0 } }
    }

    @Test("what fits goes through at once, and so does one part beyond")
    func room() {
        let window = StreamWindow()
        #expect(window.waitForRoom(255 << 10))
        #expect(window.waitForRoom(1 << 30))
    }

    @Test("a part waits until there is room")
    func full() async throws {
        let window = StreamWindow()
        #expect(window.waitForRoom(300 << 10))
        let waiter = Waiter(window, size: 1)
        window.release(1 << 10)
        try await Task.sleep(for: .milliseconds(50))
        #expect(waiter.outcome == nil)
        window.release(100 << 10)
        #expect(try await Eventually.value { waiter.outcome })
    }

    @Test("a window that is closed lets nothing through, nor anybody wait")
    func closed() async throws {
        let window = StreamWindow()
        #expect(window.waitForRoom(256 << 10))
        let waiters = [Waiter(window, size: 1), Waiter(window, size: 2)]
        window.close()
        for waiter in waiters { #expect(try await !Eventually.value { waiter.outcome }) }
        #expect(!window.waitForRoom(0))
    }
}
