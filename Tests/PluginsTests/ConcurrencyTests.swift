import Foundation
import HostCore
import HostPlugins
import Synchronization
import TestSupport
import Testing

@Suite struct ConcurrencyTests {
    @Test("a re-entrant plugin that 8 threads call at once gives each call its own answer")
    func reentrant() async throws {
        let plugin = try LoadedPlugin(Repository.product("libecho.so"))
        try #require(plugin.generation.descriptor.isReentrant)
        let failures = try await InParallel.run(threads: 8) { thread in
            var failures: [String] = []
            for round in 0..<2_000 {
                // Lengths differ, so that a mixed-up answer can't look right; some are over 64
                // bytes, for which a slot gets new memory.
                let mark = "\(thread)-\(round)"
                let contentType = "text/x-\(mark); " + String(repeating: mark, count: round % 20)
                let call = TestCall("body \(mark)", contentType: contentType)
                try plugin.run(call)
                if call.text != "body \(mark)" || call.response?.contentType != contentType {
                    failures.append("\(contentType): \(call.results)")
                }
            }
            return failures
        }
        #expect(failures.flatMap { $0 } == [])
        #expect(plugin.generation.violations.total == 0)
    }
}
