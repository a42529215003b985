#if canImport(Glibc)
internal import Glibc
#endif

/// What is in a directory.
package enum DirectoryListing {
    package static func exists(_ directory: String) -> Bool {
        guard let stream = unsafe opendir(directory) else { return false }
        unsafe closedir(stream)
        return true
    }

    /// The names without "." and "..", in no order; none when the directory can't be read. Blocks on the disk.
    package static func names(in directory: String) -> [String] { read(directory) ?? [] }

    /// The same; nil, with `errno`, when the directory can't be read.
    package static func read(_ directory: String) -> [String]? {
        guard let stream = unsafe opendir(directory) else { return nil }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
                unsafe $0.withMemoryRebound(to: CChar.self, capacity: 256) {
                    unsafe String(validatingCString: $0)
                }
            }
            if let name, name != ".", name != ".." { names.append(name) }
        }
        return names
    }
}
