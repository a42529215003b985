import Foundation
import HostTypedCalls
import NIOCore
import TestSupport
import Testing

/// The JSON reader beside Foundation's: it takes and refuses the same texts, and reads the same values.
@Suite struct JSONFuzzTests {
    @Test("numbers are read as Foundation reads them, to the last bit")
    func numbers() throws {
        let echo = try EchoFunction.make("(x: inout [f64])")
        var random = SeededGenerator(seed: 1)
        for round in 0..<10_000 {
            let text = round % 2 == 0 ? number(&random) : brokenNumber(&random)
            // What is too small for a double is 0 here; Foundation refuses it.
            let expected =
                Self.double(text)
                ?? (Self.isJSON(text) ? Double(text.trimmingCharacters(in: .whitespaces)) : nil)
            let answer = echo.answer("[\(text)]")
            guard let expected, expected.isFinite else {
                #expect(answer.hasPrefix("3 "), "\(text): \(answer)")
                continue
            }
            let value = Double(answer.dropFirst().dropLast())
            #expect(value?.bitPattern == expected.bitPattern, "\(text): \(answer), \(expected)")
        }
    }

    @Test("floats are rounded once")
    func floats() throws {
        let echo = try EchoFunction.make("(x: inout [f32])")
        var random = SeededGenerator(seed: 2)
        for _ in 0..<10_000 {
            let text = number(&random)
            guard let expected = Float(text), expected.isFinite else { continue }
            let answer = echo.answer("[\(text)]")
            #expect(
                Float(answer.dropFirst().dropLast())?.bitPattern == expected.bitPattern,
                "\(text): \(answer)")
        }
    }

    @Test("a double that was written is read as the same one")
    func roundTrip() throws {
        let echo = try EchoFunction.make("(x: inout [f64])")
        var random = SeededGenerator(seed: 3)
        for _ in 0..<10_000 {
            let value = Double(bitPattern: random.next())
            guard value.isFinite else { continue }
            let answer = echo.answer("[\(value)]")
            let decoded = try JSONDecoder().decode([Double].self, from: Data(answer.utf8))
            #expect(decoded[0] == value)
            #expect(echo.answer(answer) == answer)
        }
    }

    @Test("strings are read and refused as Foundation reads and refuses them")
    func texts() throws {
        let pieces = [
            "a", "é", "😀", "\\n", "\\\"", "\\\\", "\\/", "\\u00e9", "\\ud83d\\ude00", "\\ud83d",
            "\\ude00", "\\u12", "\\x", "\u{7F}", "\u{1}", " ", "\\t", "\\u0041", "\\", "\\b\\f\\r",
        ]
        var random = SeededGenerator(seed: 4)
        for _ in 0..<5000 {
            let content = (0..<Int.random(in: 0..<6, using: &random))
                .map { _ in pieces.randomElement(using: &random)! }.joined()
            let text = "[\"\(content)\"]"
            let expected = try? JSONDecoder().decode([String].self, from: Data(text.utf8))
            let answer = EchoFunction.lastString(of: text)
            #expect(answer == expected?.first, "\(text)")
        }
    }

    @Test("a text with a few bytes changed is taken or refused as Foundation does")
    func changes() throws {
        let echo = try EchoFunction.make("(x: inout [[f64]])")
        let whole = Array("[ [1, -2.5e3,\t0.125], [4,5,6.0E-2] ,[7,8,9]\n]".utf8)
        var random = SeededGenerator(seed: 5)
        for _ in 0..<10_000 {
            var text = whole
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0..<3, using: &random) {
                case 0: text.remove(at: place)
                case 1: text.insert(text.randomElement(using: &random)!, at: place)
                default: text[place] = text.randomElement(using: &random)!
                }
            }
            let expected = try? JSONDecoder().decode([[Double]].self, from: Data(text))
            let isMatrix = expected.map { Set($0.map(\.count)).count <= 1 } ?? false
            let source = String(decoding: text, as: UTF8.self)
            // Foundation takes a comma behind the last element, which JSON doesn't have.
            if source.contains(/,\s*\]/) { continue }
            let answer = echo.answer(source)
            if isMatrix {
                let decoded = try? JSONDecoder().decode([[Double]].self, from: Data(answer.utf8))
                #expect(decoded == expected, "\(source): \(answer)")
            } else {
                #expect(answer.hasPrefix("3 "), "\(source): \(answer)")
            }
        }
    }

    @Test("any bytes are read within their bounds")
    func anything() throws {
        let functions = try [
            "(x: inout [f64])", "(x: [string], y: inout bool)", "(x: inout bytes)",
            "(x: inout {a: i8, b: enum {c, d}})", "(x: [{a: string?, b: u64}], y: inout i64)",
        ].map(EchoFunction.make)
        let pieces = Array("[]{}\",:\\ud8e0-+.0123456789 truefalsn\n\u{0}\u{80}abx=&%".utf8)
        var random = SeededGenerator(seed: 6)
        for _ in 0..<4000 {
            let bytes = (0..<Int.random(in: 0..<40, using: &random))
                .map { _ in pieces.randomElement(using: &random)! }
            for function in functions {
                for type in ["application/json", "application/x-www-form-urlencoded", "text/plain"]
                {
                    _ = function.call(
                        body: ByteBuffer(bytes: bytes), contentType: type, query: { "" },
                        instance: nil)
                }
            }
        }
    }

    // MARK: Texts

    private func number(_ random: inout SeededGenerator) -> String {
        switch Int.random(in: 0..<6, using: &random) {
        case 0: return "\(Double(bitPattern: random.next() & ~(0x4 << 60)))"
        case 1: return "\(Int64(truncatingIfNeeded: random.next()))"
        case 2: return "\(Int.random(in: -1000...1000, using: &random))"
        case 3: return digits(1...25, &random) + "." + digits(1...25, &random, anyFirst: true)
        case 4:
            return digits(1...20, &random) + "e"
                + ["", "+", "-"].randomElement(using: &random)! + digits(1...2, &random)
        default:
            return "-0." + digits(1...30, &random, anyFirst: true) + "E"
                + "\(Int.random(in: -330...310, using: &random))"
        }
    }

    private func brokenNumber(_ random: inout SeededGenerator) -> String {
        var text = Array(number(&random))
        let place = Int.random(in: 0..<text.count, using: &random)
        text[place] = Array("0123456789.eE+-x ").randomElement(using: &random)!
        return String(text)
    }

    private func digits(
        _ count: ClosedRange<Int>, _ random: inout SeededGenerator, anyFirst: Bool = false
    ) -> String {
        var text = "\(Int.random(in: 1...9, using: &random))"
        for _ in 1..<max(2, Int.random(in: count, using: &random)) {
            text += "\(Int.random(in: 0...9, using: &random))"
        }
        return anyFirst ? "\(Int.random(in: 0...9, using: &random))" + text : text
    }

    /// RFC 8259, section 6.
    private static func isJSON(_ text: String) -> Bool {
        text.wholeMatch(of: /\s*-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?\s*/) != nil
    }

    /// What Foundation makes of a number; nil: it is none.
    private static func double(_ text: String) -> Double? {
        (try? JSONDecoder().decode([Double].self, from: Data("[\(text)]".utf8)))?.first
    }
}
