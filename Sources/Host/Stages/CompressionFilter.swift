internal import HostCore
internal import HostPipeline
internal import NIOCore

/// Packs one response: as a whole, or piece by piece, each of which the client can unpack when it comes.
final class CompressionFilter: ResponseFilter, @unchecked Sendable {
    // Sendable: the chain calls the functions of a filter one after the other.
    private let choice: AcceptEncoding.Choice
    private let isRequired: Bool
    private let options: CompressionStage.Options
    private let types: MediaTypePatterns
    /// nil: the response stays as it is.
    private var deflater: Deflater?

    /// - Parameter isRequired: whether the client takes nothing without a coding.
    init(
        _ choice: AcceptEncoding.Choice, isRequired: Bool, _ options: CompressionStage.Options,
        _ types: MediaTypePatterns
    ) {
        self.choice = choice
        self.isRequired = isRequired
        self.options = options
        self.types = types
    }

    func begin(_ head: inout ResponseHead) {
        guard Self.mayHaveCoding(head), isRequired || isWorthIt(head) else { return }
        head.addVary("accept-encoding")
        // HEAD's, too: it says what GET would, the length among it (RFC 9110, sections 8.6 and 9.3.2).
        guard case .coding(let coding) = choice,
            let deflater = Deflater(coding, level: options.level, size: head.bodySize)
        else { return }
        self.deflater = deflater
        head.set("content-encoding", coding.name)
        // Ranges of the plugin's would be ranges of something else.
        head.remove("accept-ranges")
        // The packed body is not the same byte for byte (RFC 9110, section 8.8.3.3).
        if let tag = head["etag"].first, !tag.hasPrefix("W/") { head.set("etag", "W/" + tag) }
    }

    func pass(_ body: inout ByteBuffer, isLast: Bool) {
        guard let deflater, isLast || body.readableBytes > 0 else { return }
        body = deflater.compress(body, isLast ? .end : .piece)
    }

    func end(_ error: DispatchError?) {
        deflater = nil
    }

    private func isWorthIt(_ head: ResponseHead) -> Bool {
        types.contains(head.contentType) && (head.bodySize ?? .max) >= options.minSize
    }

    private static func mayHaveCoding(_ head: ResponseHead) -> Bool {
        guard !head.isError, hasWholeBody(head.status) else { return false }
        return head.headers.all.allSatisfy { header in
            switch header.name.lowercased() {
            case "content-encoding": header.value.lowercased() == "identity"
            // What these say of the body's bytes would be wrong.
            case "content-range", "content-digest", "repr-digest", "digest", "content-md5": false
            case "cache-control": !header.value.lowercased().contains("no-transform")
            default: true
            }
        }
    }

    private static func hasWholeBody(_ status: Int) -> Bool {
        switch status {
        case ..<200, 204, 205, 206, 304: false
        default: true
        }
    }
}
