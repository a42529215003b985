/// The requests that the tests send.
enum Requests {
    /// A request with a `Host` and, if it has a body, a `Content-Length`.
    static func make(
        _ method: String = "POST", _ target: String, _ body: String = "", headers: [String] = [],
        version: String = "1.1"
    ) -> String {
        var lines = ["\(method) \(target) HTTP/\(version)", "Host: test"] + headers
        if !body.isEmpty { lines.append("Content-Length: \(body.utf8.count)") }
        return lines.joined(separator: "\r\n") + "\r\n\r\n" + body
    }

    static func call(
        _ endpoint: String, _ method: String? = nil, _ body: String = "", headers: [String] = []
    ) -> String {
        let name = method.map { ["X-SERVE-CALL-METHOD: \($0)"] } ?? []
        return make("POST", "/\(endpoint)", body, headers: name + headers)
    }

    /// A body in chunks, without the last one.
    static func chunks(_ texts: [String]) -> String {
        texts.map { "\(String($0.utf8.count, radix: 16))\r\n\($0)\r\n" }.joined()
    }
}
