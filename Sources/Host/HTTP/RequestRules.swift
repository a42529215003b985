internal import HostCore
internal import HostPipeline
internal import NIOHTTP1

/// What HTTP/1.1 asks of a request beside what it is for. Knows nothing of sockets.
struct RequestRules: Sendable {
    let maxBodySize: Int

    /// Why nobody is to see the request, if there is a reason.
    func malformation(of request: RequestHead) -> Problem? {
        // RFC 9112, section 3.2: HTTP/1.1 has one Host, no less and no more, and it is a valid one.
        if request.hostCount == 0 && request.isHTTP11 {
            return .malformed("the request has no Host header, which HTTP/1.1 requires")
        }
        if request.hostCount > 1 || !request.hasValidHost {
            return .malformed("the request's Host header is not one valid host")
        }
        if let problem = request.targetProblem { return .malformed(problem) }
        // RFC 9112, sections 6.1 and 6.3.
        switch request.transferCoding {
        case .none: break
        case .chunked where request.isHTTP11: break
        case .chunkedAtLast where request.isHTTP11:
            return Problem(
                .notImplemented, "the host takes no Transfer-Encoding but chunked",
                closesConnection: true)
        case .chunked, .chunkedAtLast: return .malformed("HTTP/1.0 knows no Transfer-Encoding")
        case .endless: return .malformed("the last Transfer-Encoding is not chunked")
        }
        return nil
    }

    /// Why a request is refused for what its head says of what follows. The stages see that, other than what is
    /// malformed.
    func refusal(of request: RequestHead) -> Problem? {
        if let expectation = request.unknownExpectation, request.isHTTP11 {
            return Problem(
                .expectationFailed, "the host can't fulfil Expect: \(expectation)",
                closesConnection: true)
        }
        if let size = request.contentLength, size > maxBodySize { return bodyTooLarge }
        return nil
    }

    /// The refusal for a body while others have all the memory that there is for bodies.
    var noRoomForBody: Problem {
        var problem = Problem(BodyBudget.noRoom)
        problem.closesConnection = true
        return problem
    }

    /// The refusal for a body over the limit. The rest of it is on its way, so the connection can't go on.
    var bodyTooLarge: Problem { bodyTooLarge(maxBodySize) }

    func bodyTooLarge(_ limit: Int) -> Problem {
        Problem(
            .payloadTooLarge, "the request body is over the limit of \(limit) bytes",
            closesConnection: true)
    }
}
