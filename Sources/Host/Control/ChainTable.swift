internal import HostDispatch
internal import HostForms
internal import HostMiddleware
internal import Logging

/// The chains of stages that the configuration asks for: the host's, and those of the backends by tag.
struct ChainTable: Sendable {
    /// What is to be.
    struct Plan: Sendable {
        var host: [MiddlewareEntry] = []
        /// By tag; a backend without stages need not be there.
        var backends: [String: [MiddlewareEntry]] = [:]
    }

    private(set) var host: MiddlewareChain
    private(set) var backends: [String: MiddlewareChain] = [:]
    /// Stages of the program that runs the host, around all that are configured.
    private let outermost: [MiddlewareChain.Link]

    init(outermost: [MiddlewareChain.Link] = []) {
        self.outermost = outermost
        host = MiddlewareChain(outermost)
    }

    /// The chains of a plan. A stage that is configured as before stays the same one, with its counts and what it
    /// remembers. Blocks where a stage reads files.
    ///
    /// - Parameter onFailure: decides about a stage that can't be made: what it returns stands in its place.
    /// - Throws: ``ControlError`` of `onFailure`.
    func following(
        _ plan: Plan, _ catalog: MiddlewareCatalog, logger: Logger,
        onFailure: (ControlError) throws(ControlError) -> any MiddlewareStage
    ) throws(ControlError) -> ChainTable {
        var next = self
        next.host = try chain(plan.host, backend: nil, catalog, logger, onFailure)
        next.backends = [:]
        for (tag, entries) in plan.backends where !entries.isEmpty {
            next.backends[tag] = try chain(entries, backend: tag, catalog, logger, onFailure)
        }
        return next
    }

    private func chain(
        _ entries: [MiddlewareEntry], backend: String?, _ catalog: MiddlewareCatalog,
        _ logger: Logger, _ onFailure: (ControlError) throws(ControlError) -> any MiddlewareStage
    ) throws(ControlError) -> MiddlewareChain {
        let last = backend.map { backends[$0] } ?? host
        var known = last?.links.filter { $0.entry != nil } ?? []
        let links = try entries.map { entry throws(ControlError) in
            if let index = known.firstIndex(where: { $0.entry == entry }) {
                return known.remove(at: index)
            }
            do throws(ConfigurationError) {
                let place = MiddlewarePlace(backend: backend, logger: logger)
                return MiddlewareChain.Link(entry, try catalog.make(entry, for: place))
            } catch {
                let owner = backend.map { "backend \($0)" } ?? "the host"
                let reason = ControlError(
                    .contradiction, "middleware \(entry.name) of \(owner): \(error)", cause: error)
                return MiddlewareChain.Link(entry, try onFailure(reason))
            }
        }
        let all = (backend == nil ? outermost : []) + links
        if let last, last.links.elementsEqual(all, by: { $0.meter === $1.meter }) { return last }
        return MiddlewareChain(all)
    }

    /// Whether the chains are the same ones.
    func isSame(as other: ChainTable) -> Bool {
        host === other.host && backends.count == other.backends.count
            && backends.allSatisfy { other.backends[$0.key] === $0.value }
    }
}

extension ChainTable.Plan {
    /// - Parameter manifests: what plugins' manifests say, for backends that say nothing.
    init(_ state: ControlState, manifests: [String: [MiddlewareEntry]]) {
        host = state.middleware
        for (tag, record) in state.backends {
            backends[tag] = record.options.middleware ?? manifests[record.plugin]
        }
    }
}

/// Stands for a stage that could not be made when the host started: lets nothing through.
struct BrokenStage: MiddlewareStage {
    let reason: String

    func handle(_ request: MiddlewareRequest, for caller: any Caller, _ passage: Passage) {
        passage.refuse(caller, with: DispatchError(.unavailable, reason))
    }
}
