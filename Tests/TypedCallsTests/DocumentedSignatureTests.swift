import Foundation
import HostTypedCalls
import TestSupport
import Testing

/// The signatures in the reference.
@Suite struct DocumentedSignatureTests {
    @Test("each signature in the reference parses")
    func parse() throws {
        let text = try String(
            contentsOfFile: Repository.path("docs/typed-methods.md"), encoding: .utf8)
        let signatures = text.matches(of: /(?m)^\w+: (\(.*)$|\.signature = "(.*)"/)
            .map { String($0.1 ?? $0.2 ?? "") }
        #expect(signatures.count >= 10)
        for signature in signatures {
            #expect(throws: Never.self, "\(signature)") { try Signature(parsing: signature) }
        }
    }
}
