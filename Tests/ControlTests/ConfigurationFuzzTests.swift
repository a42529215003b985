import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

/// Whatever stands in a file, it is read or refused: no crash, and no error without a message.
@Suite struct ConfigurationFuzzTests {
    private static let manifest = """
        num_replicas: 2 # two
        batch_wait_timeout: 2ms
        user_config: {model: "small", sizes: [1, 2.5], 'on': true, none: null}
        endpoint:
          route: /x/*
          methods: [GET]

        """
    private static let snippets = [
        "&a ", "*a", "!!str ", "!x ", "<<: ", "? ", ": ", "- ", "[", "]", "{", "}", ",", "\"", "'",
        "|\n", ">-\n", "#", "---\n", "...\n", "%YAML 1.1\n", "\t", "\n", "\r\n", "\u{0}", "\u{85}",
        "\u{2028}", "\u{FEFF}", "\u{F0000}", "~", "null", "1e999", ".nan", "0x",
        "99999999999999999999",
        "\\x00", "\"\\ud800\"", "counter:v1: ", "a: a: ", "{a: 1, a: 2}", "echo: {plugin: echo}\n",
    ]

    private func read(_ text: String) {
        func expectMessage(_ error: ConfigurationError) {
            #expect(error.description.hasPrefix("x.yaml:"), "\(error) of \(text.debugDescription)")
            #expect(!error.problem.isEmpty && !error.description.contains("\n"), "\(error)")
        }
        do {
            let file = try HostFile(yaml: text, file: "x.yaml")
            #expect((try? HostFile(yaml: file.yaml)) == file, "\(text.debugDescription)")
        } catch {
            expectMessage(error)
        }
        do {
            let manifest = try PluginManifest(yaml: text, file: "x.yaml")
            let again = try PluginManifest(yaml: manifest.options.yaml, file: "x.yaml")
            #expect(again.options == manifest.options, "\(text.debugDescription)")
        } catch {
            expectMessage(error)
        }
    }

    @Test("random bytes", arguments: 0..<8)
    func bytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<100 {
            let count = Int.random(in: 0...200, using: &random)
            let bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            read(String(decoding: bytes, as: UTF8.self))
            read(String(decoding: bytes.map { $0 & 0x7F }, as: UTF8.self))
        }
    }

    @Test("YAML's own signs in any order", arguments: 0..<8)
    func signs(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<100 {
            let count = Int.random(in: 0...30, using: &random)
            read(
                (0..<count).map { _ in Self.snippets.randomElement(using: &random) ?? "" }.joined())
        }
    }

    @Test("good files with changes", arguments: 0..<16)
    func mutations(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<60 {
            var text = Array(
                (Bool.random(using: &random) ? HostFileTests.example : Self.manifest).unicodeScalars
            )
            for _ in 0...Int.random(in: 0...3, using: &random) {
                let place = Int.random(in: 0..<text.count, using: &random)
                switch Int.random(in: 0...3, using: &random) {
                case 0: text.remove(at: place)
                case 1: text[place] = text.randomElement(using: &random) ?? "x"
                case 2:
                    let snippet = Self.snippets.randomElement(using: &random) ?? ""
                    text.insert(contentsOf: snippet.unicodeScalars, at: place)
                default:
                    let end = Int.random(in: place...text.count, using: &random)
                    let other = Int.random(in: 0...text.count, using: &random)
                    text.insert(contentsOf: text[place..<min(end, place + 40)], at: other)
                }
                if text.isEmpty { text = ["x"] }
            }
            read(String(String.UnicodeScalarView(text)))
        }
    }

    @Test("each beginning of a good file")
    func prefixes() {
        let text = HostFileTests.example.unicodeScalars
        for count in 0...text.count { read(String(text.prefix(count))) }
    }
}
