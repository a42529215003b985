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
