internal import HostConfigurationFiles
internal import HostForms
package import HostPipeline

extension ControlState {
    /// One difference between two states.
    package enum Change: Sendable, Equatable {
        case backendCreated(tag: String, BackendRecord)
        case backendUpdated(tag: String, from: BackendRecord, to: BackendRecord)
        case backendDeleted(tag: String, BackendRecord)
        case endpointCreated(name: String, EndpointRecord)
        /// The route, the methods or the origin differ; of the rest there are changes of their own.
        case endpointUpdated(name: String, from: EndpointRecord, to: EndpointRecord)
        case trafficSet(endpoint: String, from: [String: Double], to: [String: Double])
        case shadowsSet(endpoint: String, from: [String: Double], to: [String: Double])
        case endpointDeleted(name: String, EndpointRecord)
        case middlewareSet(from: [MiddlewareEntry], to: [MiddlewareEntry])
    }

    /// What makes another state of this one, in an order in which it can be done piece by piece: no endpoint is ever
    /// without its backends, and no route has two owners, unless two endpoints exchange theirs.
    package func changes(to next: ControlState) -> [Change] {
        let deletedEndpoints = Set(endpoints.keys).subtracting(next.endpoints.keys).sorted()
        let deletedBackends = Set(backends.keys).subtracting(next.backends.keys).sorted()
        let stages: [Change] =
            middleware == next.middleware
            ? [] : [.middlewareSet(from: middleware, to: next.middleware)]
        return stages + backendChanges(to: next)
            + deletedEndpoints.compactMap { name in
                endpoints[name].map { .endpointDeleted(name: name, $0) }
            } + endpointChanges(to: next)
            + deletedBackends.compactMap { tag in
                backends[tag].map { .backendDeleted(tag: tag, $0) }
            }
    }

    private func backendChanges(to next: ControlState) -> [Change] {
        next.backends.sorted { $0.key < $1.key }.compactMap { tag, record in
            guard let old = backends[tag] else { return .backendCreated(tag: tag, record) }
            return old == record ? nil : .backendUpdated(tag: tag, from: old, to: record)
        }
    }

    private func endpointChanges(to next: ControlState) -> [Change] {
        var changes: [Change] = []
        var created: [Change] = []
        for (name, record) in next.endpoints.sorted(by: { $0.key < $1.key }) {
            guard let old = endpoints[name] else {
                created.append(.endpointCreated(name: name, record))
                continue
            }
            if (old.route, old.origin) != (record.route, record.origin)
                || old.methods != record.methods
            {
                changes.append(.endpointUpdated(name: name, from: old, to: record))
            }
            if old.traffic != record.traffic {
                changes.append(.trafficSet(endpoint: name, from: old.traffic, to: record.traffic))
            }
            if old.shadows != record.shadows {
                changes.append(.shadowsSet(endpoint: name, from: old.shadows, to: record.shadows))
            }
        }
        // Created last: a new one may have the route that another gives up.
        return changes + created
    }
}

extension ControlState.Change: CustomStringConvertible {
    /// One line for people, such as `backend echo: num_replicas 1 -> 4`.
    package var description: String {
        switch self {
        case .backendCreated(let tag, let record):
            let options = optionChanges(from: BackendOptions(), to: record.options)
            return "backend \(tag): created, "
                + (["plugin \(record.plugin)"] + options).joined(separator: ", ")
        case .backendUpdated(let tag, let old, let new):
            var parts = optionChanges(from: old.options, to: new.options)
            if old.plugin != new.plugin {
                parts.insert("plugin \(old.plugin) -> \(new.plugin)", at: 0)
            }
            if old.origin != new.origin { parts.append(origin(from: old.origin, to: new.origin)) }
            return "backend \(tag): \(parts.joined(separator: ", "))"
        case .backendDeleted(let tag, _):
            return "backend \(tag): deleted"
        case .endpointCreated(let name, let record):
            let shadows = record.shadows.isEmpty ? "" : ", shadows \(text(record.shadows))"
            return "endpoint \(name): created, \(route(record)), "
                + "methods \(record.methods.joined(separator: " ")), "
                + "traffic \(text(record.traffic))\(shadows)"
        case .endpointUpdated(let name, let old, let new):
            var parts: [String] = []
            if old.route != new.route { parts.append("\(route(old)) -> \(new.route ?? "none")") }
            if old.methods != new.methods {
                parts.append(
                    "methods \(old.methods.joined(separator: " ")) -> "
                        + new.methods.joined(separator: " "))
            }
            if old.origin != new.origin { parts.append(origin(from: old.origin, to: new.origin)) }
            return "endpoint \(name): \(parts.joined(separator: ", "))"
        case .trafficSet(let name, let old, let new):
            return "endpoint \(name): traffic \(text(old)) -> \(text(new))"
        case .shadowsSet(let name, let old, let new):
            return "endpoint \(name): shadows \(text(old)) -> \(text(new))"
        case .endpointDeleted(let name, _):
            return "endpoint \(name): deleted"
        case .middlewareSet(let old, let new):
            return "middleware \(text(old)) -> \(text(new))"
        }
    }

    /// A chain, such as `cors, compression`.
    private func text(_ stages: [MiddlewareEntry]) -> String {
        stages.isEmpty ? "none" : stages.map(\.withoutSecrets.description).joined(separator: ", ")
    }

    private func route(_ record: EndpointRecord) -> String { "route \(record.route ?? "none")" }

    /// Shares by tag, such as `v1 0.9, v2 0.1`.
    private func text(_ shares: [String: Double]) -> String {
        guard !shares.isEmpty else { return "none" }
        return shares.sorted { $0.key < $1.key }.map { tag, share in
            share == share.rounded() ? "\(tag) \(Int(share))" : "\(tag) \(share)"
        }.joined(separator: ", ")
    }

    private func origin(from old: Origin, to new: Origin) -> String {
        let names: [Origin: String] = [
            .plugin: "a plugin's default", .file: "the file's", .hand: "an operator's",
        ]
        return "is \(names[new] ?? "") now, was \(names[old] ?? "")"
    }

    /// The keys that differ, under the names that they have in a file.
    private func optionChanges(from old: BackendOptions, to new: BackendOptions) -> [String] {
        let (was, will) = (old.valuesByKey, new.valuesByKey)
        // It is shown, and logged.
        let (before, after) = (old.withoutSecrets.valuesByKey, new.withoutSecrets.valuesByKey)
        return Set(was.keys).union(will.keys).sorted().compactMap { key in
            guard was[key] != will[key] else { return nil }
            let value = after[key]?.text ?? "default"
            return before[key].map { "\(key) \($0.text) -> \(value)" } ?? "\(key) \(value)"
        }
    }
}
