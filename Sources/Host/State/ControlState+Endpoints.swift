package import HostCore

extension ControlState {
    /// Creates an endpoint whose calls all go to one backend, until its traffic is set.
    ///
    /// - Parameters:
    ///   - route: exact, `/x`, or a prefix, `/x/*`; nil: reachable by handle alone.
    ///   - methods: the HTTP methods it takes, in capitals or not.
    /// - Throws: ``ControlError``: no such backend, and these there are (`noSuchBackend`); the name or the route is
    ///   taken (`alreadyExists`); the name, the route or a method can't be (`invalid`).
    package mutating func createEndpoint(
        _ name: String, backend tag: String, route: String? = nil,
        methods: [String] = EndpointRecord.defaultMethods
    ) throws(ControlError) {
        try requireBackend(tag)
        try insert(
            endpoint: name, EndpointRecord(route: route, methods: methods, traffic: [tag: 1]))
        withdrawnEndpoints.remove(name)
        settleDefaults()
    }

    /// Deletes an endpoint. Its backends stay; its name and its route are free again; if it was a plugin's default,
    /// that does not come back.
    ///
    /// - Throws: ``ControlError`` when there is no such endpoint (`noSuchEndpoint`).
    package mutating func deleteEndpoint(_ name: String) throws(ControlError) {
        _ = try requireEndpoint(name)
        remove(endpoint: name)
        settleDefaults()
    }

    mutating func remove(endpoint name: String) {
        endpoints[name] = nil
        if plugins.contains(name) { withdrawnEndpoints.insert(name) }
    }

    /// Sets which part of an endpoint's calls each backend answers. The shadows stay as they are.
    ///
    /// - Parameter weights: each 0 or more, together 1 (to ``TrafficPolicy/tolerance``), by the backends' tags.
    /// - Throws: ``ControlError``: no such endpoint (`noSuchEndpoint`) or backend (`noSuchBackend`), and these there
    ///   are; or weights that can't be (`invalid`).
    package mutating func setTraffic(
        _ name: String, _ weights: [String: Double]
    ) throws(ControlError) {
        var record = try requireEndpoint(name)
        for tag in weights.keys.sorted() { try requireBackend(tag) }
        try Self.checkTraffic(weights, of: name)
        record.traffic = weights
        record.origin = record.origin.changedByHand
        endpoints[name] = record
        settleDefaults()
    }

    /// Sets which part of an endpoint's calls a backend gets a copy of, whose response is thrown away.
    ///
    /// - Parameter share: from 0, which ends it, to 1.
    /// - Throws: ``ControlError``: no such endpoint (`noSuchEndpoint`) or backend (`noSuchBackend`), and these there
    ///   are; or a share that can't be (`invalid`).
    package mutating func shadowTraffic(
        _ name: String, backend tag: String, share: Double
    ) throws(ControlError) {
        var record = try requireEndpoint(name)
        try requireBackend(tag)
        try Self.checkShare(share, backend: tag, endpoint: name)
        record.shadows[tag] = share > 0 ? share : nil
        record.origin = record.origin.changedByHand
        endpoints[name] = record
        settleDefaults()
    }
}
