internal import HostCore
internal import Logging
internal import PluginABI

/// The lines that a plugin writes into the host's log.
extension HostContext {
    private static let mostFields: UInt64 = 32

    func log(_ pointer: UnsafePointer<backplane_log_record_t>) {
        guard UInt(bitPattern: pointer) != 0,
            let record = unsafe backplane_log_record_t.copy(pointer),
            let message = unsafe PluginInput.text(record.message),
            let fields = unsafe fields(record.fields, record.field_count)
        else {
            violations.record(.invalidStruct)
            return
        }
        var metadata: Logger.Metadata = [:]
        for (key, value) in fields {
            let key = Self.plain(key)
            // The host's own keys are not the plugin's to fill.
            guard key != "request_id", violations.logger[metadataKey: key] == nil else { continue }
            metadata[key] = "\(value)"
        }
        metadata["source"] = "plugin"
        if let call = unsafe record.call, let target = unsafe calls.find(call.pointee.id)?.call {
            metadata["request_id"] = "\(target.requestID)"
        }
        violations.logger.log(
            level: Self.level(unsafe record.level), "\(message)", metadata: metadata)
    }

    func isLogged(_ level: backplane_log_level_t) -> Bool {
        Self.level(level) >= violations.logger.logLevel
    }

    private static func level(_ level: backplane_log_level_t) -> Logger.Level {
        switch Int(level) {
        case Int(BACKPLANE_LOG_DEBUG): .debug
        case Int(BACKPLANE_LOG_WARNING): .warning
        case Int(BACKPLANE_LOG_ERROR): .error
        default: .info
        }
    }

    /// - Returns: nil when one of them can't be read.
    private func fields(
        _ fields: UnsafePointer<backplane_field_t>?, _ count: UInt64
    ) -> [(key: String, value: String)]? {
        guard count > 0 else { return [] }
        guard let fields = unsafe fields else { return nil }
        var read: [(key: String, value: String)] = []
        for index in 0..<Int(min(count, Self.mostFields)) {
            guard let key = unsafe PluginInput.text(fields[index].key),
                let value = unsafe PluginInput.text(fields[index].value)
            else { return nil }
            read.append((key, value))
        }
        return read
    }

    /// A key as logs are searched for: one word.
    private static func plain(_ key: String) -> String {
        let word = key.utf8.prefix(64).map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
                UInt8(ascii: "."):
                byte
            default: UInt8(ascii: "_")
            }
        }
        return word.isEmpty ? "_" : String(decoding: word, as: UTF8.self)
    }
}
