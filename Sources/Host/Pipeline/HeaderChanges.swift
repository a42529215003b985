package import HostCore

/// What the stage `headers` does to the header of a request, or of a response. In this order: removes, sets, adds.
package struct HeaderChanges: Sendable, Equatable {
    package var remove: [String] = []
    /// Each in place of all fields of that name.
    package var set: [String: String] = [:]
    /// Each beside those that are there.
    package var add: [String: String] = [:]

    package init() {}

    package var isEmpty: Bool { remove.isEmpty && set.isEmpty && add.isEmpty }

    package func apply(to request: inout Request) {
        guard !set.isEmpty || !add.isEmpty || remove.contains(where: request.headers.contains)
        else { return }
        let sent = request.headers
        var headers = sent
        for name in remove { headers.remove(name: name) }
        for (name, value) in set { headers.replaceOrAdd(name: name, value: value) }
        for (name, value) in add { headers.add(name: name, value: value) }
        request.headers = headers
        for name in [Array(remove), Array(set.keys)].joined() {
            Self.follow(name, sent.first(name: name), headers.first(name: name), &request)
        }
    }

    /// Does what the host does with a header of the request, which it has read already.
    ///
    /// - Parameters:
    ///   - sent: the value as it was.
    ///   - left: the value as the stage leaves it; nil: there is none.
    private static func follow(
        _ name: String, _ sent: String?, _ left: String?, _ request: inout Request
    ) {
        guard sent != nil || left != nil else { return }
        switch name.lowercased() {
        case "content-type": request.contentType = left ?? ""
        case "x-serve-shard-key": request.shardKey = left ?? ""
        case "x-serve-call-method":
            if let left {
                request.method = left
            } else if let sent, HTTPText.trimmed(sent[...]) == request.method {
                // A handle's call that passes a request on may have another method than that one's header.
                request.method = CallMetadata.defaultMethod
            }
        default: break
        }
    }

    package func apply(to head: inout ResponseHead) {
        for name in remove {
            head.remove(name)
            if Self.isContentType(name) { head.contentType = "" }
        }
        for (name, value) in set {
            if Self.isContentType(name) {
                head.contentType = value
            } else {
                head.set(name, value)
            }
        }
        for (name, value) in add { head.add(name, value) }
    }

    private static func isContentType(_ name: String) -> Bool {
        name.lowercased() == "content-type"
    }
}

extension HeaderChanges {
    /// Those that say where a message ends, or what the connection is used for: the host's alone.
    package static let hostsOwn: Set<String> = [
        "connection", "content-length", "date", "expect", "keep-alive", "proxy-connection", "te",
        "trailer", "transfer-encoding", "upgrade",
    ]

    /// Those that the host reads, of which a message has one.
    package static let single = ["content-type", "x-serve-call-method", "x-serve-shard-key"]
}
