import HostTypedCalls
import TestSupport
import Testing

/// Whatever text comes, the parser returns.
@Suite struct SignatureFuzzTests {
    private static let pieces = [
        "(", ")", "[", "]", "{", "}", ",", ":", "->", "*", "?", "=", "==", "+", "-", " ", "\"", "x",
        "y", "i64", "f64", "string", "bytes", "self", "error", "out", "inout", "enum", "count",
        "free", "check", "errno", "result", "capacity", "rows", "null", "0", "1", "2.5", ">=",
        "pointer", "é", "\n", "status", "void", "T",
    ]

    @Test("a text of random pieces parses or is refused within its bounds")
    func pieces() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<4000 {
            let count = Int.random(in: 0..<24, using: &random)
            let text = (0..<count).map { _ in Self.pieces.randomElement(using: &random)! }.joined()
            check(text)
        }
    }

    @Test("a signature with a few characters changed parses or is refused within its bounds")
    func changes() {
        var random = SeededGenerator(seed: 11)
        let whole =
            Array(
                "(self, n: i32 = count(x) == count(y), x: *[f64], y: [f64](u32), s: {a: i8, b: string?}, "
                    .unicodeScalars)
            + Array(
                "d: out(n + 2 * count(x)) *bytes count(m), m: inout u64 = capacity(d)) -> i32 check(>= 0, errno)"
                    .unicodeScalars)
        for _ in 0..<4000 {
            var text = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text.remove(at: place)
                case 1: text.insert(text.randomElement(using: &random)!, at: place)
                default: text[place] = text.randomElement(using: &random)!
                }
            }
            var changed = ""
            changed.unicodeScalars.append(contentsOf: text)
            check(changed)
        }
    }

    @Test("deep nesting is refused, not followed")
    func depth() {
        for opening in ["[", "{a: ", "*", "out("] {
            check("(x: " + String(repeating: opening, count: 4000))
        }
        check("(x: i64 = " + String(repeating: "(", count: 8000))
        check("(x: i64 = " + String(repeating: "-", count: 8000))
    }

    private func check(_ text: String) {
        do throws(SignatureError) {
            _ = try Signature(parsing: text)
        } catch {
            #expect(1...text.unicodeScalars.count + 1 ~= error.column, "\(text): \(error)")
            #expect(!error.message.contains("\n") || text.contains("\n"))
        }
    }
}
