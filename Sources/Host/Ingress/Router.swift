internal import HostControl
internal import HostMiddleware
internal import NIOCore
internal import NIOHTTP1

/// Decides what a request is for. Knows nothing of sockets.
struct Router: Sendable {
    let routes: RouteTable
    let maxBodySize: Int

    enum Resolution {
        case call(Endpoint, timeout: Duration?)
        /// An answer that the host gives itself.
        case answer(contentType: String, body: ByteBuffer)
        case problem(Problem)
    }

    /// What stands around all endpoints; nil: nothing.
    var chain: MiddlewareChain? { routes.chain }

    /// - Parameter request: one that is not malformed.
    func resolve(_ request: RequestHead, isDraining: Bool) -> Resolution {
        if request.path.utf8.starts(with: "/-/".utf8) {
            return reserved(request, isDraining: isDraining)
        }
        guard let endpoint = routes.endpoint(path: request.path[...]) else {
            return notFound(request)
        }
        guard endpoint.accepts(httpMethod: request.head.method.rawValue) else {
            return notAllowed(request, allowed: endpoint.httpMethods)
        }
        switch request.callerTimeout() {
        case .success(let timeout): return .call(endpoint, timeout: timeout)
        case .failure(let problem): return .problem(problem)
        }
    }

    /// The refusal for a body over the limit. The rest of it is on its way, so the connection can't go on.
    var bodyTooLarge: Problem { bodyTooLarge(maxBodySize) }

    func bodyTooLarge(_ limit: Int) -> Problem {
        Problem(
            .payloadTooLarge, "the request body is over the limit of \(limit) bytes",
            closesConnection: true)
    }

    /// Why nobody is to see the request, if there is a reason.
    func malformation(of request: RequestHead) -> Problem? {
        // RFC 9112, section 3.2: HTTP/1.1 has one Host, no less and no more, and it is a valid one.
        if request.hostCount == 0 && request.isHTTP11 {
            return malformed("the request has no Host header, which HTTP/1.1 requires")
        }
        if request.hostCount > 1 || !request.hasValidHost {
            return malformed("the request's Host header is not one valid host")
        }
        // RFC 9112, sections 6.1 and 6.3.
        switch request.transferCoding {
        case .none: break
        case .chunked where request.isHTTP11: break
        case .chunkedAtLast where request.isHTTP11:
            return Problem(
                .notImplemented, "the host takes no Transfer-Encoding but chunked",
                closesConnection: true)
        case .chunked, .chunkedAtLast: return malformed("HTTP/1.0 knows no Transfer-Encoding")
        case .endless: return malformed("the last Transfer-Encoding is not chunked")
        }
        if let size = request.contentLength, size > maxBodySize { return bodyTooLarge }
        return nil
    }

    private func malformed(_ detail: String) -> Problem {
        Problem(.badRequest, detail, closesConnection: true)
    }

    /// `/-/routes` and `/-/healthz`, as Ray Serve has them, and the document of the typed methods.
    private func reserved(_ request: RequestHead, isDraining: Bool) -> Resolution {
        guard ["/-/routes", "/-/healthz", "/-/openapi.json"].contains(request.path) else {
            return notFound(request)
        }
        guard request.head.method == .GET || request.head.method == .HEAD else {
            return notAllowed(request, allowed: ["GET"])
        }
        if request.path == "/-/routes" {
            return .answer(contentType: "application/json", body: ByteBuffer(string: routesJSON))
        }
        if request.path == "/-/openapi.json" {
            return .answer(
                contentType: "application/json",
                body: ByteBuffer(string: CallDocument(routes).text))
        }
        guard !isDraining else {
            return .problem(Problem(.serviceUnavailable, "the host is shutting down"))
        }
        return .answer(
            contentType: "text/plain; charset=utf-8", body: ByteBuffer(string: "success"))
    }

    /// `{"/echo": ["echo", ["GET", "POST"]]}`
    private var routesJSON: String {
        var json = JSONText()
        json.beginObject()
        for (route, endpoint) in routes.routed {
            json.key(route)
            json.beginArray()
            json.string(endpoint.name)
            json.beginArray()
            for method in endpoint.httpMethods { json.string(method) }
            json.endArray()
            json.endArray()
        }
        json.endObject()
        return json.text
    }

    private func notFound(_ request: RequestHead) -> Resolution {
        .problem(
            Problem(
                .notFound, "no endpoint at \(request.path); GET /-/routes lists those there are"))
    }

    private func notAllowed(_ request: RequestHead, allowed: [String]) -> Resolution {
        // HEAD is taken wherever GET is.
        let list = allowed.filter { $0 != "HEAD" || !allowed.contains("GET") }
            .flatMap { $0 == "GET" ? ["GET", "HEAD"] : [$0] }.joined(separator: ", ")
        return .problem(
            Problem(
                .methodNotAllowed,
                "\(request.path) takes \(list), not \(request.head.method.rawValue)",
                headers: [("allow", list)]))
    }
}
