internal import HTTPTypes
internal import HostCore
internal import HostRouting
internal import Hummingbird

/// What Hummingbird is to answer: the operations of the table, each at its path.
package struct AdminRouter {
    private let router = Hummingbird.Router<BasicRequestContext>(
        options: .autoGenerateHeadEndpoints)

    /// - Parameter token: what is asked of each request, also of one for a path that isn't there; nil: nothing.
    init(
        token: AdminToken?,
        answer:
            @escaping @Sendable (AdminOperation, Request, BasicRequestContext) async throws ->
            Response
    ) {
        // First: they hold for what is added after them, and the outer one answers for the other's errors.
        router.add(middleware: AdminProblemMiddleware())
        if let token { router.add(middleware: AdminTokenMiddleware(token: token)) }
        for operation in AdminOperation.allCases {
            router.on(RouterPath(operation.path), method: operation.method) { request, context in
                try await answer(operation, request, context)
            }
        }
    }

    var responder: RouterResponder<BasicRequestContext> { router.buildResponder() }

    /// What the router has, such as `GET /v1/backends/{tag}`.
    package static var routes: [String] {
        AdminRouter(token: nil) { _, _, _ in Response(status: .noContent) }.router.routes
            .map { "\($0.method.rawValue) \($0.path)" }
    }
}
