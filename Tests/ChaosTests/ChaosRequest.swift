import HostCore

/// A request that a chaos client sends, drawn at random, and what may come of it.
struct ChaosRequest {
    var bytes: [UInt8]
    var isHead = false
    /// What must come back to a client that stays, whatever happens to the host meanwhile; nil: any status of
    /// `allowed`.
    var body: [UInt8]?
    /// The statuses that may come back beside 200 with ``body``.
    var allowed: Set<Int> = []
    /// Whether the response may break off: a stream whose deadline passes.
    var mayBreakOff = false
    var name: String

    /// The kinds of requests there are.
    enum Kind: CaseIterable {
        case echo, chunkedEcho, largeEcho, counted, stream, twoWriters, flood, slow, batch, head
        case expect, malformed, tooLarge, unknown, refusedByAuth, stage, pipelined, routes
    }

    static func draw(
        _ kind: Kind, _ number: Int, using generator: inout some RandomNumberGenerator
    ) -> ChaosRequest {
        // Statuses of the host for deadlines, and for a stage whose plugin is being exchanged.
        let deadline = [nil, nil, nil, "0.005", "0.05"].randomElement(using: &generator)!
        var fields = [
            "Accept-Encoding: \(["gzip", "identity", "deflate, gzip;q=0.5"].randomElement(using: &generator)!)"
        ]
        if let deadline { fields.append("X-Request-Timeout-Seconds: \(deadline)") }
        let late: Set<Int> = deadline == nil ? [] : [504]
        switch kind {
        case .echo, .pipelined:
            let text = "call \(number)"
            let one = post("/echo", text, fields: ["Accept-Encoding: identity"])
            let bytes = kind == .pipelined ? one + one + one : one
            return .init(bytes: bytes, body: Array(text.utf8), name: "\(kind)")
        case .chunkedEcho:
            let text = "call \(number)"
            return .init(
                bytes: chunked("/echo", text, fields: ["Accept-Encoding: identity"]),
                body: Array(text.utf8), name: "chunkedEcho")
        case .largeEcho:
            let text = String(repeating: "0123456789abcdef", count: 16 << 10)
            return .init(
                bytes: post("/echo", text, fields: ["Accept-Encoding: identity"]),
                body: Array(text.utf8), allowed: [503], name: "largeEcho")
        case .counted:
            return .init(
                bytes: post("/counting", "", fields: fields), allowed: late, name: "counted")
        case .stream:
            return .init(
                bytes: post(
                    "/streams", "\(Int.random(in: 1...400, using: &generator))", fields: fields),
                allowed: late, mayBreakOff: deadline != nil, name: "stream")
        case .twoWriters:
            return .init(
                bytes: post("/two_writers", "200", fields: fields), allowed: late,
                mayBreakOff: deadline != nil, name: "twoWriters")
        case .flood:
            return .init(
                bytes: post(
                    "/floods", "\(Int.random(in: 1...20, using: &generator))", fields: fields),
                allowed: late, mayBreakOff: deadline != nil, name: "flood")
        case .slow:
            return .init(
                bytes: post(
                    "/blocks", "\(Int.random(in: 1...20, using: &generator))",
                    fields: fields + ["X-SERVE-CALL-METHOD: sleep"]),
                allowed: late.union([503]), name: "slow")
        case .batch:
            return .init(
                bytes: post("/batches", "item \(number)", fields: fields), allowed: late,
                name: "batch")
        case .head:
            return .init(
                bytes: request("HEAD", "/echo", fields: fields), isHead: true, allowed: late,
                name: "head")
        case .expect:
            return .init(
                bytes: post(
                    "/echo", "expected",
                    fields: ["Expect: 100-continue", "Accept-Encoding: identity"]),
                body: Array("expected".utf8), name: "expect")
        case .malformed:
            let text = [
                "GET /echo HTTP/1.1\r\n\r\n", "GET  /echo\r\n\r\n", "\u{0}\u{1}\u{2}\r\n\r\n",
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            ]
            .randomElement(using: &generator)!
            return .init(
                bytes: Array(text.utf8), allowed: [400], mayBreakOff: true, name: "malformed")
        case .tooLarge:
            return .init(
                bytes: request("POST", "/echo", fields: ["Content-Length: 999999999"]),
                allowed: [413], name: "tooLarge")
        case .unknown:
            return .init(
                bytes: post("/nobody", "", fields: fields), allowed: [404], name: "unknown")
        case .refusedByAuth:
            return .init(
                bytes: post("/guarded", "", fields: fields), allowed: late.union([401]),
                name: "refusedByAuth")
        case .stage:
            let step = ["", "answer", "fail", "later"].randomElement(using: &generator)!
            return .init(
                bytes: post("/staged", "text", fields: fields + ["x-step: \(step)"]),
                allowed: late.union([403, 418, 500, 503]).union(200..<600), name: "stage")
        case .routes:
            return .init(
                bytes: request(
                    "GET",
                    ["/-/routes", "/-/healthz", "/-/openapi.json"].randomElement(
                        using: &generator)!,
                    fields: []), allowed: [], name: "routes")
        }
    }

    private static func request(_ method: String, _ path: String, fields: [String]) -> [UInt8] {
        Array(
            ("\(method) \(path) HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                + fields.map { "\($0)\r\n" }.joined() + "\r\n").utf8)
    }

    private static func post(_ path: String, _ text: String, fields: [String]) -> [UInt8] {
        request("POST", path, fields: fields + ["Content-Length: \(text.utf8.count)"])
            + Array(text.utf8)
    }

    private static func chunked(_ path: String, _ text: String, fields: [String]) -> [UInt8] {
        request("POST", path, fields: fields + ["Transfer-Encoding: chunked"])
            + Array("\(String(text.utf8.count, radix: 16))\r\n\(text)\r\n0\r\n\r\n".utf8)
    }
}
