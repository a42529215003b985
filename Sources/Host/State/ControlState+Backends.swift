package import HostConfigurationFiles
package import HostCore

extension ControlState {
    /// - Throws: ``ControlError``: the tag is taken (`alreadyExists`), or the tag, the plugin's name or an option can't
    ///   be (`invalid`).
    package mutating func createBackend(
        _ tag: String, plugin: String, options: BackendOptions = BackendOptions()
    ) throws(ControlError) {
        try insert(backend: tag, BackendRecord(plugin: plugin, options: options))
        withdrawnBackends.remove(tag)
        settleDefaults()
    }

    /// Sets what `options` says and leaves the rest as it is.
    ///
    /// - Throws: ``ControlError``: there is no such backend, and these there are (`noSuchBackend`), or what comes of it
    ///   can't be (`invalid`).
    package mutating func updateBackend(
        _ tag: String, _ options: BackendOptions
    ) throws(ControlError) {
        var record = try requireBackend(tag)
        record.options = try Self.stored(record.options.merging(options), of: tag)
        record.origin = record.origin.changedByHand
        backends[tag] = record
    }

    /// Deletes a backend. Its tag is free again; if it was a plugin's default, that does not come back.
    ///
    /// - Parameter force: whether it goes also when endpoints use it. It leaves their shadows and their traffic, and
    ///   what the others had of the traffic is scaled to sum to 1: 0.2 and 0.6 become 0.25 and 0.75. An endpoint where
    ///   no other has a weight above 0 goes as well, because it has nobody left who may answer: its callers get 404,
    ///   and not 503 for ever.
    /// - Throws: ``ControlError``: there is no such backend (`noSuchBackend`); the endpoints which use it
    ///   (`backendInUse`).
    package mutating func deleteBackend(_ tag: String, force: Bool = false) throws(ControlError) {
        try requireBackend(tag)
        let users = endpoints(using: tag)
        guard users.isEmpty || force else {
            throw ControlError(
                .backendInUse,
                "backend \(tag) is in use by \(users.count == 1 ? "the endpoint" : "the endpoints") "
                    + "\(users.joined(separator: ", ")): take it out of the traffic and the shadows first, or delete it "
                    + "with --force")
        }
        for name in users { withdraw(backend: tag, from: name) }
        backends[tag] = nil
        if plugins.contains(tag) { withdrawnBackends.insert(tag) }
        settleDefaults()
    }

    private mutating func withdraw(backend tag: String, from name: String) {
        guard var record = endpoints[name] else { return }
        record.shadows[tag] = nil
        if record.traffic.removeValue(forKey: tag) != nil {
            let sum = record.traffic.values.sorted().reduce(0, +)
            guard sum > 0 else {
                remove(endpoint: name)
                return
            }
            record.traffic = record.traffic.mapValues { $0 / sum }
        }
        record.origin = record.origin.changedByHand
        endpoints[name] = record
    }
}
