extension ControlState {
    /// - Throws: ``ControlError``: the tag is taken (`alreadyExists`), or the tag, the plugin's name or an option can't
    ///   be (`invalid`).
    package mutating func createBackend(
        _ tag: String, plugin: String, options: BackendOptions = BackendOptions()
    ) throws(ControlError) {
        try insert(backend: tag, BackendRecord(plugin: plugin, options: options))
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

    /// Deletes a backend; one that isn't there is no error. Its tag is free again.
    ///
    /// - Parameter force: whether it goes also when endpoints use it. It leaves their shadows and their traffic, and
    ///   what the others had of the traffic is scaled to sum to 1: 0.2 and 0.6 become 0.25 and 0.75. An endpoint where
    ///   no other has a weight above 0 goes as well, because it has nobody left who may answer: its callers get 404,
    ///   and not 503 for ever.
    /// - Throws: ``ControlError`` that names the endpoints which use it (`backendInUse`).
    package mutating func deleteBackend(_ tag: String, force: Bool = false) throws(ControlError) {
        guard backends[tag] != nil else { return }
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
    }

    private mutating func withdraw(backend tag: String, from name: String) {
        guard var record = endpoints[name] else { return }
        record.shadows[tag] = nil
        if record.traffic.removeValue(forKey: tag) != nil {
            let sum = record.traffic.values.sorted().reduce(0, +)
            guard sum > 0 else {
                endpoints[name] = nil
                return
            }
            record.traffic = record.traffic.mapValues { $0 / sum }
        }
        record.origin = record.origin.changedByHand
        endpoints[name] = record
    }
}
