import Foundation

/// What this process has mapped.
enum MappedFiles {
    /// Whether a file, or one in a directory of that path, is mapped; also if it has been deleted since.
    static func contain(_ path: String) throws -> Bool {
        // Not by its size, as ordinary files are read: it has none.
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps"))
        defer { file.closeFile() }
        return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self).contains(path)
    }
}
