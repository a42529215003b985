internal import HostConfigurationFiles
internal import HostCore
internal import HostForms
internal import HostPipeline
internal import HostStages
internal import HostState
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

    /// A stage that a plan asks for and no chain has yet.
    struct Request: Sendable, Hashable {
        let entry: MiddlewareEntry
        /// The tag of the backend that it is around; nil: it is around all of them.
        let backend: String?

        /// Blocks where a stage reads files, or a plugin makes it.
        ///
        /// - Throws: ``ControlError`` when it can't be made.
        func make(
            _ catalog: MiddlewareCatalog, logger: Logger
        ) throws(ControlError) -> any MiddlewareStage {
            do throws(ConfigurationError) {
                return try catalog.make(
                    entry, for: MiddlewarePlace(backend: backend, logger: logger))
            } catch {
                let owner = backend.map { "backend \($0)" } ?? "the host"
                throw ControlError(
                    .contradiction, "middleware \(entry.name) of \(owner): \(error)", cause: error)
            }
        }
    }

    /// The chains of a plan. A stage that is configured as before stays the same one, with its counts and what it
    /// remembers.
    ///
    /// - Parameter make: gives a stage that no chain has yet.
    /// - Throws: what `make` throws.
    func following(
        _ plan: Plan, make: (Request) throws(ControlError) -> any MiddlewareStage
    ) throws(ControlError) -> ChainTable {
        var next = self
        next.host = try chain(plan.host, backend: nil, make)
        next.backends = [:]
        for (tag, entries) in plan.backends where !entries.isEmpty {
            next.backends[tag] = try chain(entries, backend: tag, make)
        }
        return next
    }

    private func chain(
        _ entries: [MiddlewareEntry], backend: String?,
        _ make: (Request) throws(ControlError) -> any MiddlewareStage
    ) throws(ControlError) -> MiddlewareChain {
        let last = backend.map { backends[$0] } ?? host
        var known = last?.links.filter { $0.entry != nil } ?? []
        let links = try entries.map { entry throws(ControlError) in
            if let index = known.firstIndex(where: { $0.entry == entry }) {
                return known.remove(at: index)
            }
            return MiddlewareChain.Link(entry, try make(Request(entry: entry, backend: backend)))
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

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        next.refuse(sink, with: DispatchError(.unavailable, reason))
    }
}
