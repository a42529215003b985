package import HostConfigurationFiles
internal import HostForms

/// What a configuration file may say of the host itself: listeners, directories and limits. They are read when a host
/// starts; what a file says later is told as needing a restart.
package struct HostSettings: Sendable {
    /// What is in effect.
    package var running = HostFile()
    /// What the configuration file said at the start.
    package var startFile = HostFile()
    /// The keys that options of the command line have set: what a file says of them has no effect.
    package var fixed: Set<String> = []

    package init() {}

    /// A line for each setting that a file wants otherwise, such as
    /// `limits.max_body_size: 1000 -> 10, needs a restart`.
    func differences(from file: HostFile) -> [String] {
        let (wanted, running, before) = (file.settings, running.settings, startFile.settings)
        return Set(wanted.keys).union(before.keys).sorted().compactMap { key in
            guard !fixed.contains(key) else { return nil }
            let (old, new) = (running[key], wanted[key])
            // What the file has never said has its default, or what the program says.
            guard old != new, new != nil || before[key] != nil else { return nil }
            return "\(key): \(old ?? "default") -> \(new ?? "default"), needs a restart"
        }
    }
}

extension HostFile {
    /// What it says of the host itself, by key, as text.
    package var settings: [String: String] {
        var file = self
        (file.backends, file.endpoints, file.middleware) = ([:], [:], [])
        guard case .object(let members) = file.json else { return [:] }
        var settings: [String: String] = [:]
        for (key, value) in members {
            guard case .object(let limits) = value else {
                settings[key] = value.plainText
                continue
            }
            for (name, limit) in limits { settings["\(key).\(name)"] = limit.plainText }
        }
        return settings
    }
}

extension JSONValue {
    /// Text as it is, anything else as JSON.
    fileprivate var plainText: String {
        if case .string(let text) = self { text } else { text }
    }
}
