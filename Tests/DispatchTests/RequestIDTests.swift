import HostCore
import Testing

@Suite struct RequestIDTests {
    @Test(
        "visible ASCII of moderate length is acceptable",
        arguments: ["a", "9f3c2a7be41d5608-2a", "!~", String(repeating: "x", count: 128)])
    func acceptable(id: String) {
        #expect(RequestID.isAcceptable(id))
    }

    @Test(
        "anything else is not",
        arguments: [
            "", " ", "a b", "a\tb", "a\nb", "a\u{7F}", "\u{1B}[31m", "é",
            String(repeating: "x", count: 129),
        ])
    func unacceptable(id: String) {
        #expect(!RequestID.isAcceptable(id))
    }

    @Test("made ids are acceptable and differ")
    func made() {
        let ids = (0..<1_000).map { _ in RequestID.make() }
        #expect(Set(ids).count == ids.count)
        #expect(ids.allSatisfy { $0.wholeMatch(of: /[0-9a-f]{16}-[1-9a-f][0-9a-f]*/) != nil })
        #expect(Set(ids.map { $0.prefix(16) }).count == 1)
    }
}
