import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct LinearPatternTests {
    @Test(
        "a pattern matches whole texts",
        arguments: [
            (#"https://.*\.example\.com"#, "https://a.b.example.com", true),
            (#"https://.*\.example\.com"#, "https://example.com", false),
            (#"https://.*\.example\.com"#, "https://a.example.com.evil.org", false),
            (
                #"^https?://(www\.)?example\.(com|org)(:[0-9]{2,5})?$"#, "http://example.org:80",
                true
            ),
            (
                #"^https?://(www\.)?example\.(com|org)(:[0-9]{2,5})?$"#, "http://example.org:8",
                false
            ),
            (#"https://([a-z0-9-]+\.?)*\.example\.com"#, "https://a.b.example.com", true),
            (#"https://(?:a|b|)x"#, "https://x", true), (#"[^.]+"#, "a.b", false),
            (#"[]a-]+"#, "]a-", true), (#"[\w\-.]+"#, "a_9-.", true), (#"[\d-]+"#, "1-2", true),
            (#"a{2}"#, "aa", true), (#"a{2}"#, "aaa", false), (#"a{2,}"#, "aaaa", true),
            (#"a{0,2}b*?"#, "bb", true), (#"(a*)*(b|c?)+"#, "aabbc", true), ("", "", true),
            ("", "a", false), (".", "", false), (#"\S\D\W"#, "aa.", true), ("a|", "", true),
            ("(^a|b$)c?", "b", true), ("a^b", "ab", false),
        ])
    func matches(_ pattern: String, _ text: String, _ isMatch: Bool) throws {
        #expect(try LinearPattern(pattern).matches(text) == isMatch)
    }

    @Test(
        "what such a matcher can't have is refused with its reason",
        arguments: [
            (#"(a)\1"#, #"\1"#), (#"\bword"#, #"\b"#), ("(?=a)", "(?"), ("(?<name>a)", "(?"),
            ("(?i)a", "(?"), ("a*+", "possessive"), ("a**", "nothing"), ("*a", "nothing"),
            ("^*", "nothing"), ("a{", "no repetition"), ("a{2,1}", "no repetition"),
            ("a{x}", "no repetition"), ("a{501}", "no repetition"), ("[a", "without a ]"),
            ("[z-a]", "before"), ("[[:alpha:]]", #"\["#), ("(a", "without a )"),
            ("a)", "without a ("), ("a\\", "ends with"), ("é", "ASCII"),
            ("(a{100}){10}", "too large"),
            ("(((){400}){400}){400}", "too large"),
            (String(repeating: "(", count: 60) + String(repeating: ")", count: 60), "groups"),
        ])
    func refused(_ pattern: String, _ part: String) {
        let problem = #expect(throws: LinearPattern.Problem.self) { try LinearPattern(pattern) }
        #expect(problem?.reason.contains(part) == true, "\(problem?.reason ?? "")")
    }

    @Test("any pattern matches what Swift's own matcher does")
    func asSwift() throws {
        var random = SeededGenerator(seed: 77)
        func pattern(_ depth: Int) -> String {
            let atoms = ["a", "b", "[ab]", "[^a]", ".", #"\w"#]
            guard depth > 0 else { return atoms.randomElement(using: &random)! }
            let (first, second) = (pattern(depth - 1), pattern(depth - 1))
            switch Int.random(in: 0..<7, using: &random) {
            case 0: return "(\(first)|\(second))"
            case 1: return "(?:\(first))*"
            case 2: return "(\(first))+"
            case 3: return "(\(first))?"
            case 4: return "(\(first)){1,2}"
            default: return first + second
            }
        }
        for _ in 0..<300 {
            let text = pattern(Int.random(in: 0...4, using: &random))
            let (mine, swifts) = (try LinearPattern(text), try Regex(text))
            for _ in 0..<10 {
                let sample = String(
                    (0..<Int.random(in: 0...5, using: &random)).map { _ in
                        Bool.random(using: &random) ? "a" : "b"
                    })
                let isMatch = try swifts.wholeMatch(in: sample) != nil
                #expect(mine.matches(sample) == isMatch, "\(text) and \(sample)")
            }
        }
    }

    @Test(
        "a text that makes backtracking go on for ever is matched like any", arguments: ["a", "a."])
    func hostile(_ part: String) throws {
        let text = "https://" + String(repeating: part, count: 150)
        for pattern in [
            #"https://([a-z0-9-]+\.?)*\.example\.com"#, #"https://(.+\.)*example\.com"#,
            #"https://(a|a)*b"#, #"https://(a*)*b"#, #"https://((a?){15}){15}b"#,
        ] {
            #expect(try !LinearPattern(pattern).matches(text))
        }
    }
}
