extension ControlState {
    /// What comes of it when a configuration file is applied, and how that differs from what is there.
    ///
    /// What the file declares replaces what earlier files declared; what operators created and plugins' defaults stay.
    /// Where they conflict, the file wins:
    ///
    /// - A name that the file declares is the file's from then on, whoever created it, with what the file says alone.
    /// - A route that the file declares leaves the endpoint that had it. That one stays, reachable by handle.
    /// - A backend that the file no longer declares goes, unless an operator's endpoint uses it: then it stays, as the
    ///   operator's.
    /// - Where the file no longer declares a name that a dropped library has, the plugin's default is back.
    ///
    /// Applying the same file again changes nothing.
    ///
    /// - Parameter declared: see ``declaration(backends:endpoints:)``; whatever its origins say, it is the file's.
    /// - Throws: ``ControlError`` when an endpoint of the file names a backend that neither the file nor anybody else
    ///   has (`noSuchBackend`).
    package func applying(
        _ declared: ControlState
    ) throws(ControlError) -> (state: ControlState, changes: [Change]) {
        var next = self
        next.middleware = declared.middleware
        for (name, record) in endpoints where record.origin == .file {
            next.endpoints[name] = nil
        }
        for (tag, record) in backends where record.origin == .file { next.backends[tag] = nil }
        next.take(declared)
        next.keepBackendsInUse(from: self)
        next.restoreDefaults(from: self)
        for (name, record) in declared.endpoints.sorted(by: { $0.key < $1.key }) {
            do throws(ControlError) {
                try next.requireBackends(of: record)
            } catch {
                throw ControlError(error.code, "endpoint \(name): \(error.message)")
            }
        }
        return (next, changes(to: next))
    }

    private mutating func take(_ declared: ControlState) {
        let routes = Set(declared.endpoints.values.compactMap(\.route))
        for (name, record) in endpoints where record.route.map(routes.contains) == true {
            endpoints[name]?.route = nil
        }
        for (tag, var record) in declared.backends {
            record.origin = .file
            backends[tag] = record
        }
        for (name, var record) in declared.endpoints {
            record.origin = .file
            endpoints[name] = record
        }
    }

    /// What operators' endpoints use becomes theirs, where the file has let go of it. The file's own endpoints don't
    /// count: they may use only what is declared, or applying it a first time and a second would differ.
    private mutating func keepBackendsInUse(from previous: ControlState) {
        for record in endpoints.values where record.origin != .file {
            for tag in record.backends where backends[tag] == nil && !plugins.contains(tag) {
                backends[tag] = previous.backends[tag]
                backends[tag]?.origin = .hand
            }
        }
    }

    /// Where the file has let go of a name or a route that a plugin has by default, the default is back. What an
    /// operator has deleted stays away.
    private mutating func restoreDefaults(from previous: ControlState) {
        for name in plugins.sorted() {
            if previous.backends[name] != nil { restoreDefaultBackend(of: name) }
            if previous.endpoints[name] != nil { restoreDefaultEndpoint(of: name) }
            if let record = endpoints[name], record.origin == .plugin, record.route == nil {
                let route = freeDefaultRoute(of: name)
                endpoints[name]?.route = route
            }
        }
    }
}
