internal import HostCore
internal import HostPipeline
internal import HostStages
internal import Logging

/// The stages that a change needs and no chain has yet, made before the change has its turn: a plugin may take long to
/// make one, and others don't wait for it. What is not used is let go of with this, and so destroyed.
struct StageStock: Sendable {
    private var stages: [ChainTable.Request: [any MiddlewareStage]] = [:]

    /// Those of a plan that aren't there.
    func missing(for plan: ChainTable.Plan, after chains: ChainTable) -> [ChainTable.Request] {
        var (rest, missing) = (self, [ChainTable.Request]())
        let noted = try? chains.following(plan) { request throws(ControlError) in
            if let stage = rest.take(request) { return stage }
            missing.append(request)
            return BrokenStage(reason: "")
        }
        return noted == nil ? [] : missing
    }

    /// Makes stages, one after the other, on a thread of its own: it may block.
    ///
    /// - Throws: ``ControlError`` from the first that can't be made.
    mutating func make(
        _ requests: [ChainTable.Request], _ catalog: MiddlewareCatalog, logger: Logger
    ) async throws(ControlError) {
        guard !requests.isEmpty else { return }
        typealias Made = [(ChainTable.Request, any MiddlewareStage)]
        let result = await PluginThread.value(name: "new stages") {
            Result<Made, ControlError> { () throws(ControlError) in
                try requests.map { request throws(ControlError) in
                    (request, try request.make(catalog, logger: logger))
                }
            }
        }
        for (request, stage) in try result.get() { stages[request, default: []].append(stage) }
    }

    mutating func take(_ request: ChainTable.Request) -> (any MiddlewareStage)? {
        stages[request]?.popLast()
    }
}
