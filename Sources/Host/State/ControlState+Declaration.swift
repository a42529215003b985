package import HostCore

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
    /// - Which plugins have their defaults follows from what comes of it.
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
        next.settleDefaults()
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
        withdrawnBackends.subtract(declared.backends.keys)
        withdrawnEndpoints.subtract(declared.endpoints.keys)
        for (tag, var record) in declared.backends {
            record.origin = .file
            backends[tag] = record
        }
        for (name, var record) in declared.endpoints {
            record.origin = .file
            endpoints[name] = record
        }
    }

    /// Whether a plugin's default backend is to be in this place, if nothing else is.
    private func hasDefaultBackend(_ tag: String) -> Bool {
        plugins.contains(tag) && !withdrawnBackends.contains(tag)
            && !backends.values.contains { $0.origin == .file && $0.plugin == tag }
    }

    /// What operators' endpoints use becomes theirs, where the file has let go of it. The file's own endpoints don't
    /// count: they may use only what is declared, or applying it a first time and a second would differ.
    private mutating func keepBackendsInUse(from previous: ControlState) {
        for record in endpoints.values where record.origin != .file {
            for tag in record.backends where backends[tag] == nil && !hasDefaultBackend(tag) {
                backends[tag] = previous.backends[tag]
                backends[tag]?.origin = .hand
            }
        }
    }
}
