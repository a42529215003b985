internal import Foundation
internal import HostCore
package import HostForms
internal import HostPlugins

/// The text of a configuration file.
package enum ConfigurationText {
    private static let maxBytes = YAMLDocument.maxBytes

    /// Blocks on the disk.
    ///
    /// - Returns: nil when there is no such file.
    /// - Throws: ``ConfigurationError`` when it can't be read, is too large or is no UTF-8.
    package static func read(_ path: String) throws(ConfigurationError) -> String? {
        let descriptor: CInt
        do throws(RegularFile.Failure) {
            descriptor = try RegularFile.open(path)
        } catch {
            if error.isMissing { return nil }
            throw unreadable(path, error.text)
        }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        let data: Data
        do {
            // One byte more, to see that there is more.
            data = try file.read(upToCount: maxBytes + 1) ?? Data()
        } catch {
            throw unreadable(path, "\(error.localizedDescription)")
        }
        guard data.count <= maxBytes else {
            throw unreadable(path, "it has more than \(maxBytes) bytes")
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw unreadable(path, "it is no UTF-8")
        }
        return text
    }

    private static func unreadable(_ path: String, _ why: String) -> ConfigurationError {
        ConfigurationError(.unreadable, "can't be read: \(why)").naming(file: path)
    }
}
