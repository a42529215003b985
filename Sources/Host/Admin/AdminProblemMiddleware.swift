internal import HTTPTypes
internal import HostCore
internal import Hummingbird

/// Turns what is thrown on the way to a response into ``AdminProblem``: unknown paths and methods, bodies that are too
/// long, and what nobody expected.
struct AdminProblemMiddleware: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: BasicRequestContext,
        next: (Request, BasicRequestContext) async throws -> Response
    ) async throws -> Response {
        let response: Response
        do {
            response = try await next(request, context)
        } catch let error as any HTTPResponseError {
            response = try problem(error, request)
        } catch {
            response = try AdminResponses.problem(
                500, "the host could not answer: \(SystemError.reason(of: error))")
        }
        // What the router makes of GET for HEAD has no body; a problem has none either then.
        return request.method == .head ? response.createHeadResponse() : response
    }

    private func problem(_ error: any HTTPResponseError, _ request: Request) throws -> Response {
        let path = request.uri.path
        switch error.status {
        case .notFound:
            let methods = AdminOperation.methods(at: path)
            guard !methods.isEmpty else {
                return try AdminResponses.problem(
                    404, "there is nothing at \(path); GET \(AdminAPI.document) tells what is where"
                )
            }
            let allowed = methods.joined(separator: ", ")
            var response = try AdminResponses.problem(
                405, "\(path) does not take \(request.method.rawValue): it takes \(allowed)")
            response.headers[.allow] = allowed
            return response
        case .contentTooLarge:
            return try AdminResponses.problem(
                413, "the body is too long: \(AdminAPI.maxBodySize) bytes are the most")
        default:
            let detail = (error as? HTTPError)?.body ?? error.status.reasonPhrase
            return try AdminResponses.problem(error.status.code, detail)
        }
    }
}
