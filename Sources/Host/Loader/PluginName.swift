internal import HostCore

/// The name of a plugin, taken from its file: `libfoo.so` and `foo.so` are both `foo`.
///
/// The name becomes the backend's tag, the endpoint's name and the last part of its route.
package enum PluginName {
    /// - Returns: nil when the file is none that the host loads: another ending, or a name that begins with a dot, as
    ///   the temporary files of editors, rsync and package managers do.
    package static func from(file: String) -> String? {
        guard file.hasSuffix(".so"), !file.hasPrefix(".") else { return nil }
        let stem = file.dropLast(3)
        let name = stem.hasPrefix("lib") ? stem.dropFirst(3) : stem
        return name.isEmpty ? nil : String(name)
    }

    /// The names of the plugins whose libraries are in a directory.
    package static func all(in directory: String) -> [String] {
        DirectoryListing.names(in: directory).compactMap { from(file: $0) }
    }

    /// The plugin that a manifest belongs to: `foo.yaml` to `foo`.
    package static func from(manifest file: String) -> String? {
        guard file.hasSuffix(".yaml"), !file.hasPrefix(".") else { return nil }
        return String(file.dropLast(5))
    }

    /// Whether a file is a library or a manifest, and not an editor's or a copying program's.
    package static func isOfInterest(_ file: String) -> Bool {
        from(file: file) != nil || from(manifest: file) != nil
    }

    /// The plugin that a library or a manifest belongs to.
    package static func ofAny(_ file: String) -> String {
        from(file: file) ?? from(manifest: file) ?? file
    }

    /// Whether a name can stand in a route as it is: letters, digits, `-`, `_` and `.`, a letter or digit first.
    package static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, isAlphanumeric(first) else { return false }
        return name.utf8.allSatisfy { isAlphanumeric($0) || "-_.".utf8.contains($0) }
    }

    package static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: false
        }
    }
}
