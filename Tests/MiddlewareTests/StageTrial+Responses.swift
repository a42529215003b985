import HostCore
import HostPipeline
import HostState
import NIOCore

extension StageTrial {
    /// Sends a request, and waits for its response.
    func answer(
        to request: Request, from plugin: @escaping MiddlewareChain.End
    ) async -> TrialResponse {
        let sink = send(request, to: plugin)
        await sink.answered()
        return TrialResponse(parts: sink.parts, result: sink.results[0])
    }

    /// Sends a request to a plugin that answers it whole.
    func answer(
        to request: Request, body: String = "hello",
        contentType: String = "text/plain", headers: [(name: String, value: String)] = []
    ) async -> TrialResponse {
        await answer(to: request) { _, sink in
            sink.receive(
                .success(
                    CallResponse(
                        body: ByteBuffer(string: body), contentType: contentType, headers: headers))
            )
        }
    }
}

/// What came to the caller in front of a chain.
struct TrialResponse: Sendable {
    /// Pieces before the last one.
    var parts: [CallResponse] = []
    var result: Result<CallResponse, DispatchError>

    var status: Int {
        switch result {
        case .success(let response): response.status
        case .failure(let error): error.httpStatus
        }
    }

    var message: String {
        if case .failure(let error) = result { error.message } else { "" }
    }

    var headers: [(name: String, value: String)] {
        if let first = parts.first { return first.headers }
        return switch result {
        case .success(let response): response.headers
        case .failure(let error): error.headers
        }
    }

    subscript(name: String) -> String? {
        let values = headers.filter { $0.name.lowercased() == name }.map(\.value)
        return values.isEmpty ? nil : values.joined(separator: ", ")
    }

    /// All pieces together.
    var body: ByteBuffer {
        var body = ByteBuffer()
        for part in parts { body.writeImmutableBuffer(part.body) }
        if case .success(let last) = result { body.writeImmutableBuffer(last.body) }
        return body
    }
}

extension Request {
    static func make(
        _ httpMethod: String = "POST", with headers: [(String, String)],
        origin: CallMetadata.Origin = .http, incoming: IncomingBody? = nil,
        from address: String? = nil
    ) -> Request {
        .make(
            httpMethod, "/echo", headers, origin: origin, incoming: incoming, from: address)
    }
}
