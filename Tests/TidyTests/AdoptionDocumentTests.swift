import Foundation
import HostDeployment
import TestSupport
import Testing

/// The manifests in the tutorial about adopted libraries, and the calls to them.
@Suite struct AdoptionDocumentTests {
    private let document = MarkdownDocument.at("docs/adopting-a-library.md")

    private var manifests: [String: String] {
        var manifests: [String: String] = [:]
        for block in document.blocks where block.language == "yaml" {
            guard let name = block.lines.first?.firstMatch(of: /^# file: (\w+)\.yaml$/)?.1 else {
                Issue.record("a manifest doesn't say its name: \(block.text)")
                continue
            }
            manifests[String(name)] = block.text
        }
        return manifests
    }

    /// The calls with what is printed behind `#`, on the same line or on the next.
    private var calls: [(command: String, answer: String?)] {
        var calls: [(command: String, answer: String?)] = []
        for block in document.blocks where block.language == "sh" {
            let text = block.text.replacing("\\\n", with: "")
            for line in text.split(separator: "\n") {
                if line.hasPrefix("# "), !calls.isEmpty {
                    calls[calls.count - 1].answer = String(line.dropFirst(2))
                } else if line.hasPrefix("curl ") {
                    let parts = line.split(separator: "  #", maxSplits: 1)
                    let answer =
                        parts.count == 2
                        ? parts[1].trimmingCharacters(in: .whitespaces) : nil
                    calls.append((String(parts[0]), answer))
                }
            }
        }
        return calls
    }

    @Test("the manifests serve, and the calls answer what the tutorial says")
    func calls() async throws {
        #expect(Set(manifests.keys) == ["libm", "zlib", "sqlite", "blas"])
        #expect(calls.count == 9)
        try await TestHost.run(manifests: manifests) { host in
            for name in manifests.keys {
                let status = try await host.wait(for: name) { $0.state != .loading }
                #expect(status.state == .serving, "\(name): \(status.reason ?? "")")
            }
            for (command, answer) in calls {
                let here = command.replacing("localhost:8000", with: "localhost:\(host.port)")
                    .replacing("curl ", with: "curl -sS -w ' %{http_code}' ")
                let result = try await Program.run(
                    "sh", ["-c", here], in: Repository.root.path)
                #expect(result.status == 0, "\(here): \(result.errors)")
                if let answer, answer.hasPrefix("400: ") {
                    #expect(result.output.hasSuffix(" 400"), "\(here): \(result.output)")
                    #expect(result.output.contains(answer.dropFirst(5)), "\(result.output)")
                } else if let answer {
                    #expect(result.output == "\(answer) 200", "\(here)")
                } else {
                    #expect(result.output.hasSuffix(" 200"), "\(here): \(result.output)")
                }
            }
        }
    }
}
