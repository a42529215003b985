import NIOCore
import Testing

@testable import HostHTTP

@Suite struct UploadProgressTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private var progress: UploadProgress

    init() {
        progress = UploadProgress(start: start)
    }

    private mutating func hasStalled(_ size: Int, at seconds: Int64) -> Bool {
        progress.hasStalled(size: size, minimumRate: 1_000, at: start + .seconds(seconds))
    }

    @Test("an upload has stalled that has sent less than the least rate for a while")
    mutating func stalls() {
        for (size, seconds, expected) in [
            (0, 4, false), (5_000, 5, false), (5_000, 9, false), (9_999, 10, true),
        ] as [(Int, Int64, Bool)] {
            let stalled = hasStalled(size, at: seconds)
            #expect(stalled == expected, "\(size) after \(seconds) s")
        }
    }

    @Test("what it sent before counts once")
    mutating func fastStart() {
        let first = hasStalled(1 << 20, at: 60)
        #expect(!first)
        let second = hasStalled(1 << 20, at: 65)
        #expect(second)
    }
}
