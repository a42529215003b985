import Foundation
import TestSupport

/// The project's text files, as they are on disk.
enum SourceTree {
    struct File: Sendable {
        /// Relative to the project's root.
        let path: String
        let lines: [String]

        var name: String { path.split(separator: "/").last.map(String.init) ?? path }
        var text: String { lines.joined(separator: "\n") }
    }

    /// All of them, without what builds and runs leave behind.
    static let files: [File] = {
        let leftBehind: Set = [
            ".git", ".build", ".index-build", ".swiftpm", "bench-results.json", "Package.resolved",
        ]
        guard
            let walk = FileManager.default.enumerator(atPath: Repository.root.path)
        else { return [] }
        var files: [File] = []
        while let path = walk.nextObject() as? String {
            if leftBehind.contains(path) {
                walk.skipDescendants()
                continue
            }
            guard !path.hasSuffix(".so"),
                let text = try? String(contentsOfFile: Repository.path(path), encoding: .utf8)
            else { continue }
            files.append(
                File(
                    path: path,
                    lines: text.split(separator: "\n", omittingEmptySubsequences: false)
                        .map(String.init)))
        }
        return files
    }()

    /// Those under any of some folders, with any of some endings.
    static func files(under folders: [String], endings: [String]) -> [File] {
        files.filter { file in
            folders.contains { file.path.hasPrefix($0 + "/") }
                && endings.contains { file.path.hasSuffix("." + $0) }
        }
    }

    /// The lines of files that match, as `path:line: text`.
    static func lines(
        of files: [File], where matches: (String) -> Bool
    ) -> [String] {
        files.flatMap { file in
            file.lines.enumerated().filter { matches($0.element) }
                .map { "\(file.path):\($0.offset + 1): \($0.element)" }
        }
    }
}
