import Foundation
import TestSupport
import Testing

/// What the sources ask of the system for each descriptor: that no child inherits it.
@Suite struct DescriptorTests {
    /// These can be asked; the flag's name ends with CLOEXEC, or is fopen's "e".
    private static let askable: Set = [
        "open", "openat", "socket", "socketpair", "accept4", "pipe2", "dup3", "eventfd",
        "inotify_init1", "epoll_create1", "timerfd_create", "signalfd", "memfd_create",
        "mkostemp", "fopen",
    ]
    /// These can't.
    private static let unfit: Set = [
        "accept", "pipe", "dup", "dup2", "inotify_init", "epoll_create", "mkstemp", "creat",
        "popen",
    ]
    /// They stand in front of these functions, and open what children are to have.
    private static let exceptions = ["close_on_exec.c", "standard_streams.c"]

    @Test("whatever makes a descriptor has it closed on exec")
    func closeOnExec() {
        let files = SourceTree.files(under: ["Sources"], endings: ["swift", "c", "h"])
            .filter { !Self.exceptions.contains($0.name) }
        var count = 0
        var inherited: [String] = []
        for file in files {
            for (index, line) in file.lines.enumerated() where !isComment(line) {
                for name in calls(in: line, isSwift: file.path.hasSuffix(".swift")) {
                    count += 1
                    // Flags may stand in the line after, or have a name of their own before.
                    let around = file.lines[
                        max(0, index - 2)...min(index + 2, file.lines.count - 1)
                    ]
                    .joined()
                    let isAsked = around.contains("CLOEXEC") || around.contains("\"re\"")
                    if Self.unfit.contains(name) || !isAsked {
                        inherited.append("\(file.path):\(index + 1): \(line)")
                    }
                }
            }
        }
        #expect(count > 10)
        #expect(inherited == [])
    }

    /// The functions of the C library that a line calls and that make a descriptor.
    private func calls(in line: String, isSwift: Bool) -> [String] {
        line.matches(of: /(?:^|[^A-Za-z0-9_])([a-z_0-9]+)\((.?)/).map { (String($0.1), $0) }
            .filter { name, match in
                guard Self.askable.contains(name) || Self.unfit.contains(name) else { return false }
                let before = line[..<match.range.lowerBound]
                guard isSwift else { return !before.hasSuffix("int") }
                // What takes a pointer is marked. Other functions of these names are the project's own.
                let isMarked = before.hasSuffix("unsafe") || before.hasSuffix("Glibc")
                let takesNoPointer = name.hasPrefix("inotify") || name.hasPrefix("dup")
                return isMarked || takesNoPointer && !before.hasSuffix("func")
            }.map(\.0)
    }

    private func isComment(_ line: String) -> Bool {
        let text = line.drop { $0 == " " }
        return text.hasPrefix("//") || text.hasPrefix("/*") || text.hasPrefix("*")
    }

    @Test("keys of log lines are words, so that lines can be taken apart")
    func logKeys() {
        var keys: [String] = []
        for file in SourceTree.files(under: ["Sources/Host"], endings: ["swift"]) {
            for (index, line) in file.lines.enumerated() where line.contains("metadata") {
                // As far as a list goes on.
                let list = file.lines[index..<min(index + 8, file.lines.count)]
                for part in list.prefix(while: { $0 == line || $0.contains("\":") }) {
                    keys += part.matches(of: /"([^"\\]*)":/).map { String($0.1) }
                    keys += part.matches(of: /metadataKey: "([^"]*)"/).map { String($0.1) }
                }
            }
        }
        #expect(keys.count > 20)
        #expect(keys.filter { $0.wholeMatch(of: /[a-z][a-z0-9_]*/) == nil } == [])
    }
}
