import NIOCore
import Testing

@testable import HostDispatch

/// How many calls a worker in another process is given at once.
@Suite struct CallPaceTests {
    @Test("nobody knows how long the first calls take: each goes alone")
    func unknown() {
        #expect(CallPace().share(of: 100, replicas: 1) == 1)
    }

    @Test("short calls go together, shared out among the replicas, sixteen at most")
    func short() {
        var pace = CallPace()
        pace.record(.microseconds(50), calls: 1)
        #expect(pace.share(of: 1, replicas: 1) == 1)
        #expect(pace.share(of: 5, replicas: 1) == 5)
        #expect(pace.share(of: 5, replicas: 4) == 2)
        #expect(pace.share(of: 1_000, replicas: 4) == 16)
    }

    @Test("one long call keeps those after it apart for a while")
    func long() {
        var pace = CallPace()
        pace.record(.microseconds(50), calls: 1)
        pace.record(.milliseconds(100), calls: 1)
        #expect(pace.share(of: 100, replicas: 1) == 1)
        for _ in 0..<40 { pace.record(.microseconds(160), calls: 16) }
        #expect(pace.share(of: 100, replicas: 1) == 16)
    }
}
