package import HostConfigurationFiles
internal import HostForms

/// A backend as it is configured: which plugin it runs, and how.
package struct BackendRecord: Sendable, Equatable, Codable {
    /// The plugin need not be there: calls get 503 until it comes.
    package var plugin: String
    package var options: BackendOptions
    package var origin: Origin

    package init(
        plugin: String, options: BackendOptions = BackendOptions(), origin: Origin = .hand
    ) {
        self.plugin = plugin
        self.options = options
        self.origin = origin
    }
}

/// Whom a backend or an endpoint comes from, and so what takes it away.
package enum Origin: String, Sendable, Codable, CaseIterable {
    /// The default that a dropped library gets. It goes with the library.
    case plugin
    /// The configuration file. It goes when the file no longer declares it.
    case file
    /// An operator, who created it or changed a plugin's default. It stays until an operator deletes it.
    case hand

    /// The origin after an operator's change: a default becomes the operator's own, so that it is not forgotten with
    /// the library; what the file declares stays the file's, and the next apply sets it back.
    var changedByHand: Origin { self == .file ? .file : .hand }
}

extension BackendOptions {
    /// What is set, by the keys of a configuration file.
    var valuesByKey: [String: JSONValue] {
        guard case .object(let members) = json else { return [:] }
        return members
    }
}
