import Backplane
import HostDeployment
import HostPipeline
import TestSupport
import Testing

/// Middleware that a test writes in place.
struct InlineMiddleware: Middleware {
    typealias Next = (StageRequest) async throws -> StageResponse

    var name = "inline"
    let body: @Sendable (StageRequest, Next) async throws -> StageResponse

    func handle(
        _ request: StageRequest, next: (StageRequest) async throws -> StageResponse
    ) async throws -> StageResponse {
        try await body(request, next)
    }
}

extension TestHost {
    /// What the first stage of the host's chain has done.
    func outermostStage() async throws -> ChainStatus.Stage {
        try #require(await operations.middleware()[0].stages.first)
    }
}

extension Fixture {
    /// Echo and these fixtures, as `TestHost.run` takes them.
    static func besideEcho(_ fixtures: String...) throws -> [String: String] {
        var plugins = ["libecho.so": Repository.product("libecho.so")]
        for name in fixtures { plugins["lib\(name).so"] = try library(name) }
        return plugins
    }
}
