internal import CLinux
internal import HostLogging
package import Logging
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
internal import Glibc
#endif

/// Whose code a thread runs: the last line in the log of a host that a plugin ends names it.
@safe package struct PluginActivity: @unchecked Sendable {
    // Sendable: the text is constant, and kept for the life of the process, since a handler may read it at any time.
    private let text: UnsafePointer<CChar>

    /// The texts there are, so that a reload costs nothing: their addresses.
    private static let texts = NIOLockedValueBox<[String: UInt]>([:])

    /// - Parameter backend: nil: it is no backend's.
    package init(plugin: String, backend: String? = nil) {
        let pairs = [backend.map { LogLine.pair("backend", $0) }, LogLine.pair("plugin", plugin)]
        let label = pairs.compactMap { $0 }.joined(separator: " ")
        let address = Self.texts.withLockedValue { texts in
            if let address = texts[label] { return address }
            let address = unsafe UInt(bitPattern: strdup(label))
            texts[label] = address
            return address
        }
        unsafe text = unsafe UnsafePointer(bitPattern: address)!
    }

    /// That of the plugin that a log is about.
    package init(of logger: Logger, backend: String? = nil) {
        self.init(plugin: "\(logger[metadataKey: "plugin"] ?? "")", backend: backend)
    }

    /// Runs code of the plugin's on this thread.
    package func run<Value>(_ body: () -> Value) -> Value {
        let before = unsafe clinux_activity_set(text)
        defer { _ = unsafe clinux_activity_set(before) }
        return body()
    }

    /// The thread runs nothing else from now on.
    func begin() {
        _ = unsafe clinux_activity_set(text)
    }

    /// The thread may run code of any plugin's, and can say nothing more.
    static func beginUnnamed() {
        _ = unsafe clinux_activity_set(nil)
    }
}
