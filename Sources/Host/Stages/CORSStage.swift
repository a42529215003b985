internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOCore

/// Lets pages of other origins call, and answers the questions that browsers ask before they do.
///
/// Source: the Fetch standard, sections 3.3 (CORS protocol) and 3.3.5 (CORS protocol and HTTP caches).
final class CORSStage: MiddlewareStage {
    static let kind = MiddlewareKind(
        "cors", "Lets pages of other origins call: the Fetch standard's CORS protocol.",
        CORSPolicy.form, initial: nil
    ) { policy, _ in CORSStage(policy) }

    private let policy: CORSPolicy
    /// Whether responses are the same for all origins.
    private let isSameForAll: Bool
    private let origins: Set<String>
    private let pattern: LinearPattern?
    private let methods: Set<String>
    /// In lower case.
    private let headers: Set<String>
    private let methodList: String
    private let headerList: String
    private let exposedList: String
    private let maxAge: String

    init(_ policy: CORSPolicy) {
        self.policy = policy
        isSameForAll = policy.isSameForAll
        origins = Set(policy.allowOrigins)
        pattern = policy.allowOriginRegex.flatMap { try? LinearPattern($0) }
        methods = Set(policy.allowMethods)
        let named = policy.allowHeaders.map { $0.lowercased() }
        headers = Set(CORSPolicy.freeHeaders + named)
        methodList = policy.allowMethods.joined(separator: ", ")
        headerList = headers.sorted().joined(separator: ", ")
        exposedList = policy.exposeHeaders.joined(separator: ", ")
        maxAge = String((policy.maxAge.duration ?? .zero).components.seconds)
    }

    func handle(
        _ request: Request, for sink: any ResponseSink, _ next: Next
    ) {
        // Browsers don't call through handles.
        guard request.origin == .http else { return next.proceed(request, for: sink) }
        let origin = allowedOrigin(request)
        if request.httpMethod == "OPTIONS" {
            let method = request.headers["access-control-request-method"]
            if method.count == 1, request.headers.contains(name: "origin") {
                return answer(request, wantedMethod: method[0], origin, sink, next)
            }
        }
        let filter = Filter(stage: self, origin: origin)
        next.proceed(request, for: FilteringSink(filter, before: sink, next))
    }

    private struct Filter: ResponseFilter {
        let stage: CORSStage
        let origin: String?

        func begin(_ head: inout ResponseHead) { stage.mark(&head, origin) }
    }

    /// - Parameter origin: what the response says of it; nil: the page may not read the response.
    private func mark(_ head: inout ResponseHead, _ origin: String?) {
        // What a plugin says of the matter doesn't count where an operator says something.
        head.remove("access-control-allow-origin")
        head.remove("access-control-allow-credentials")
        if !isSameForAll { head.addVary("Origin") }
        guard let origin else { return }
        head.add("access-control-allow-origin", origin)
        if policy.allowCredentials { head.add("access-control-allow-credentials", "true") }
        if !exposedList.isEmpty { head.set("access-control-expose-headers", exposedList) }
    }

    // MARK: Preflights

    private func answer(
        _ request: Request, wantedMethod: String, _ origin: String?,
        _ sink: any ResponseSink, _ next: Next
    ) {
        var headers: [(name: String, value: String)] = []
        let vary = varyOfPreflights
        if !vary.isEmpty { headers.append(("vary", vary)) }
        func refuse(_ reason: String) {
            next.refuse(
                sink, with: DispatchError(.refused(httpStatus: 403), reason, headers: headers))
        }
        guard let origin else {
            return refuse(
                "pages of this origin may not call: cors.allow_origins has no such origin")
        }
        headers.append(("access-control-allow-origin", origin))
        if policy.allowCredentials { headers.append(("access-control-allow-credentials", "true")) }
        guard HTTPText.isToken(wantedMethod),
            policy.allowsAnyMethod || methods.contains(wantedMethod)
        else {
            return refuse("pages may not use this method: cors.allow_methods hasn't got it")
        }
        let wanted = HTTPText.elements(
            of: request.headers["access-control-request-headers"].joined(separator: ","))
        guard wanted.allSatisfy(mayBeSent) else {
            return refuse(
                "pages may not send these headers: cors.allow_headers hasn't got all of them")
        }
        let asksForPrivateNetwork =
            request.headers["access-control-request-private-network"] == ["true"]
        guard policy.allowPrivateNetwork || !asksForPrivateNetwork else {
            return refuse(
                "pages of a public network may not call: cors.allow_private_network is false")
        }
        headers.append(("access-control-allow-methods", methodsToTell(wantedMethod)))
        let told = headersToTell(wanted)
        if !told.isEmpty { headers.append(("access-control-allow-headers", told)) }
        headers.append(("access-control-max-age", maxAge))
        if asksForPrivateNetwork {
            headers.append(("access-control-allow-private-network", "true"))
        }
        next.respond(
            to: sink,
            with: CallResponse(
                status: 204, body: ByteBuffer(), contentType: "", headers: headers))
    }

    /// With credentials a `*` is a method of that name.
    private func methodsToTell(_ wanted: String) -> String {
        guard policy.allowsAnyMethod else { return methodList }
        return policy.allowCredentials ? wanted : "*"
    }

    /// A `*` would not do: it is never for `Authorization`, and with credentials it is a header of that name.
    private func headersToTell(_ wanted: [Substring]) -> String {
        policy.allowsAnyHeader ? wanted.joined(separator: ", ") : headerList
    }

    private func mayBeSent(_ name: Substring) -> Bool {
        HTTPText.isToken(name) && (policy.allowsAnyHeader || headers.contains(name.lowercased()))
    }

    private var varyOfPreflights: String {
        var names: [String] = []
        if !isSameForAll { names.append("Origin") }
        if policy.allowsAnyMethod, policy.allowCredentials {
            names.append("Access-Control-Request-Method")
        }
        if policy.allowsAnyHeader { names.append("Access-Control-Request-Headers") }
        return names.joined(separator: ", ")
    }

    // MARK: Origins

    /// What a response to a page says of its origin; nil: nothing.
    private func allowedOrigin(_ request: Request) -> String? {
        // The same for those that don't ask: a cache may keep the answer for one that does.
        if isSameForAll { return "*" }
        let sent = request.headers["origin"]
        // No browser sends more than one.
        guard sent.count == 1 else { return nil }
        let origin = sent[0]
        if origins.contains(origin), origin != "*" { return origin }
        guard origin == "null" || CORSPolicy.isOrigin(origin) else { return nil }
        if policy.allowsAnyOrigin { return origin }
        return pattern?.matches(origin) == true ? origin : nil
    }
}
