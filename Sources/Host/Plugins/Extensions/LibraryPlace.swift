internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// Where a library comes from, and where its plugin may keep files. The host loads a copy, which does not know.
package struct LibraryPlace: Sendable {
    /// Absolute.
    let path: String
    /// Empty: there is none.
    let manifestPath: String
    let dataDirectory: String

    /// - Parameters:
    ///   - path: the library's, such as `plugins.d/libecho.so`.
    ///   - manifestPath: where its manifest is, if it has one.
    ///   - dataDirectory: the plugin's own; made when the plugin asks for it.
    package init(path: String, manifestPath: String, dataDirectory: String) {
        self.path = Self.absolute(path)
        self.manifestPath =
            unsafe access(manifestPath, F_OK) == 0 ? Self.absolute(manifestPath) : ""
        self.dataDirectory = Self.absolute(dataDirectory)
    }

    var directory: String {
        let end = path.utf8.lastIndex(of: UInt8(ascii: "/")) ?? path.startIndex
        return end == path.startIndex ? "/" : String(path[..<end])
    }

    private static func absolute(_ path: String) -> String {
        guard path.utf8.first != UInt8(ascii: "/") else { return path }
        guard let directory = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(directory) }
        return unsafe "\(String(cString: directory))/\(path)"
    }

    /// Makes the data directory, for its owner alone, unless it is there.
    ///
    /// - Throws: ``PluginError`` that says why it can't be made.
    func makeDataDirectory() throws(PluginError) {
        let parts = dataDirectory.split(separator: "/")
        for count in 1...max(parts.count, 1) {
            let part = "/" + parts.prefix(count).joined(separator: "/")
            guard unsafe mkdir(part, 0o700) != 0, errno != EEXIST else { continue }
            // One that is there may lie behind one that nobody may write to.
            let reason = SystemError.current
            guard !Self.isDirectory(part) else { continue }
            throw PluginError(.unreadable, "no directory \(dataDirectory): \(part): \(reason)")
        }
        guard Self.isDirectory(dataDirectory) else {
            throw PluginError(
                .unreadable, "no directory \(dataDirectory): something else has the name")
        }
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }
}
