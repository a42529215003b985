import Foundation
import TestSupport
import Testing

/// Headers as a later minor version may have them: each struct that may grow has one more member, `since_1_1`.
enum GrownHeaders {
    /// - Returns: the names of the structs that have grown.
    @discardableResult
    static func write(to directory: TemporaryDirectory) throws -> Set<String> {
        let folder = Repository.path("Sources/PluginABI/include")
        _ = try directory.makeDirectory("backplane/ext")
        var grown: Set<String> = []
        let names = try #require(FileManager.default.enumerator(atPath: folder))
            .compactMap { $0 as? String }.filter { $0.hasSuffix(".h") }
        let headers = try names.map { name in
            let text = try String(contentsOfFile: "\(folder)/\(name)", encoding: .utf8)
            return (name, grow(text, &grown))
        }
        for (name, text) in headers {
            try text.write(toFile: directory.file(name), atomically: true, encoding: .utf8)
        }
        return grown
    }

    private static func grow(_ header: String, _ grown: inout Set<String>) -> String {
        var lines: [Substring] = []
        var comment = ""
        var mayGrow = false
        for line in header.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("/*") { comment = "" }
            if line.hasPrefix("/*") || line.hasPrefix(" *") { comment += " \(line.dropFirst(2))" }
            if let match = line.firstMatch(of: /^(?:typedef )?struct backplane_(\w+) \{/) {
                let words = comment.split(separator: " ").joined(separator: " ").lowercased()
                mayGrow = words.contains("may grow")
                if mayGrow { grown.insert(String(match.1)) }
            }
            if line.hasPrefix("}"), mayGrow {
                lines.append("    uint64_t since_1_1[2];")
                mayGrow = false
            }
            // What was before the new members is where it was: the offsets hold.
            if line.hasPrefix("BACKPLANE_ASSERT_SIZE("),
                grown.contains(where: { line.hasPrefix("BACKPLANE_ASSERT_SIZE(backplane_\($0)_t,") }
                )
            {
                continue
            }
            lines.append(line)
        }
        return lines.joined(separator: "\n")
            .replacing("#define BACKPLANE_ABI_MINOR 0", with: "#define BACKPLANE_ABI_MINOR 1")
    }
}
