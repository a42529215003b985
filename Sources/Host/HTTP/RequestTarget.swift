internal import NIOHTTP1

/// What stands behind a request's method, taken apart. Source: RFC 9112, section 3.2.
struct RequestTarget {
    /// Still percent-encoded; for a target that is no path, all of it.
    let path: String
    /// Without "?".
    let query: String
    /// The host that the request is for, with its port; nil: `Host` says it.
    let authority: String?
    /// Why nobody can be meant by the target.
    let problem: String?

    init(_ target: String, of method: HTTPMethod) {
        var rest = target[...]
        var (authority, problem): (String?, String?) = (nil, nil)
        if !rest.utf8.starts(with: "/".utf8), method != .CONNECT,
            let scheme = rest.firstRange(of: "://")
        {
            let name = rest[..<scheme.lowerBound].lowercased()
            rest = rest[scheme.upperBound...]
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            let host = String(rest[..<end])
            rest = rest[end...]
            // RFC 9110, section 4.2: one without a host is none, nor is one with a user.
            if name != "http" && name != "https" {
                problem = "the request's target is neither a path nor an http URL"
            } else if !HostSyntax.isHostAndPort(host) {
                problem = "the request's target has no valid host"
            } else {
                authority = host
            }
        }
        let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?"))
        let path = rest[..<(mark ?? rest.endIndex)]
        self.path = path.isEmpty ? "/" : String(path)
        query = mark.map { String(rest[rest.utf8.index(after: $0)...]) } ?? ""
        self.authority = authority
        self.problem = problem
    }
}
