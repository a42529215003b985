import HostLogging
import Logging
import Testing

/// Lines of the log, whatever a plugin or a client has put into them.
@Suite("Lines of the log")
struct LogLineTests {
    private func line(_ metadata: Logger.Metadata = [:], _ message: String = "serving") -> String {
        LogLine.text(
            at: "2026-01-31T09:30:00.125Z", .info, label: "backplane", metadata: metadata,
            source: "HostDeployment", message: message)
    }

    @Test("a line has its keys in order, then the source and the message")
    func order() {
        #expect(
            line(["plugin": "echo", "generation": "1"])
                == "2026-01-31T09:30:00.125Z info backplane: generation=1 plugin=echo [HostDeployment] serving\n"
        )
    }

    @Test(
        "values that could be read as something else stand in quotes",
        arguments: [
            ("", #"key="""#), ("two words", #"key="two words""#), ("a=b", #"key="a=b""#),
            (#"say "hi""#, #"key="say \"hi\"""#), (#"back\slash"#, #"key="back\\slash""#),
            ("grün", #"key="grün""#), ("plain-1.2:3/4", "key=plain-1.2:3/4"),
        ])
    func quotes(value: String, written: String) {
        #expect(line(["key": "\(value)"]).contains(" \(written) ["))
    }

    @Test(
        "nothing ends a line before its time, or moves a cursor",
        arguments: [
            ("one\ntwo", #"one\ntwo"#), ("\r\n", #"\r\n"#), ("tab\t", #"tab\t"#),
            ("\u{1B}[2J", #"\u{1b}[2J"#), ("\u{0}", #"\u{0}"#), ("\u{85}", #"\u{85}"#),
            ("\u{2028}", #"\u{2028}"#), ("\u{202E}turned", #"\u{202e}turned"#),
        ])
    func control(text: String, written: String) {
        let message = line([:], text)
        #expect(message.hasSuffix("[HostDeployment] \(written)\n"))
        let value = line(["key": "\(text)"])
        #expect(value.contains(#"key="\#(written)" ["#))
        for line in [message, value] {
            #expect(line.unicodeScalars.filter { $0 == "\n" }.count == 1)
        }
    }

    @Test("a message that is too long is cut, and says by how much")
    func long() {
        let line = line([:], String(repeating: "x", count: 20_000))
        #expect(line.hasSuffix("xxx... (3616 bytes more)\n"))
        #expect(line.utf8.count < 17_000)
    }
}
