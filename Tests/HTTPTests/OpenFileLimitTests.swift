import Testing

@testable import HostHTTP

@Suite struct OpenFileLimitTests {
    @Test(
        "connections leave descriptors for everything else",
        arguments: [64, 128, 256, 1_024, 4_096, 65_536], [20, 40, 300])
    func keepsSome(limit: Int, inUse: Int) {
        let files = OpenFileLimit(limit: limit, inUse: inUse)
        let connections = files.connections(wanted: 1_000_000)
        #expect(connections >= 1)
        guard limit > inUse + files.reserve + 16 else { return }
        let most = connections + 2 * OpenFileLimit.refusals(of: connections)
        #expect(inUse + most + files.reserve <= limit)
    }

    @Test("where there are enough, as many as are wanted")
    func enough() {
        #expect(OpenFileLimit(limit: 1 << 20, inUse: 100).connections(wanted: 10_000) == 10_000)
        #expect(OpenFileLimit(limit: .max, inUse: 100).connections(wanted: 10_000) == 10_000)
        #expect(OpenFileLimit(limit: 1_024, inUse: 40).connections(wanted: 0) == 0)
    }

    @Test("the process knows its own")
    func current() {
        let files = OpenFileLimit.current()
        #expect(files.inUse > 2)
        #expect(files.limit >= files.inUse)
    }
}
