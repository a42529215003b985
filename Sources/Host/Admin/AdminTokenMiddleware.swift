internal import HTTPTypes
internal import HostCore
internal import Hummingbird

/// Answers 401 to whoever doesn't present the token, whatever is asked for, before anything of the request is looked
/// at.
///
/// A token in a header is also what keeps web pages out: no page can send it, neither with a form nor, for want of
/// CORS headers, with a script, nor after it has made its own name lead here. So `Host` and `Origin` don't matter.
struct AdminTokenMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    let token: AdminToken

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        let authorizations = request.headers[values: .authorization]
        guard authorizations.count == 1, token.admits(authorizations[0]) else {
            var response = try AdminResponses.problem(
                401,
                authorizations.isEmpty
                    ? "the admin API over TCP wants its token: send Authorization: Bearer <token>"
                    : "that is not the token of this host's admin API")
            response.headers[.wwwAuthenticate] = AdminAPI.challenge
            return response
        }
        return try await next(request, context)
    }
}
