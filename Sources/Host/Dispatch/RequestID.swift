internal import Synchronization

/// Names a request in answers and logs.
package enum RequestID {
    /// Drawn once per process, so that ids of different runs differ.
    private static let prefix: String = {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }()
    private static let counter = Atomic<UInt64>(0)

    /// A new id, such as `9f3c2a7be41d5608-2a`.
    package static func make() -> String {
        "\(prefix)-\(String(counter.add(1, ordering: .relaxed).newValue, radix: 16))"
    }

    /// Whether a caller's id is taken over: visible ASCII of moderate length, so that it can stand in any log.
    package static func isAcceptable(_ id: String) -> Bool {
        !id.isEmpty && id.utf8.count <= 128 && id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }
    }
}
