import HostHTTP
import NIOCore

/// What the host's reader makes of some bytes.
enum ReadCase {
    case taken((request: FuzzedRequest, size: Int))
    case incomplete
    case other

    static func read(_ bytes: [UInt8]) -> ReadCase {
        switch PlainHead.read(bytes.span, limit: PlainHead.maxSize) {
        case .other: return .other
        case .incomplete: return .incomplete
        case .head(let head):
            let size = head.size + (head.contentLength ?? 0)
            // The body may be larger than what there is.
            guard size <= bytes.count else { return .incomplete }
            let target = head.path.range.lowerBound..<max(head.path.end, head.query.end).asInt
            let fields = PlainFields(head, in: ByteBuffer(bytes: bytes)).map {
                [$0.name, $0.value]
            }
            let request = FuzzedRequest(
                method: head.httpMethod, target: String(decoding: bytes[target], as: UTF8.self),
                fields: fields, body: Array(bytes[head.size..<size]))
            return .taken((request, size))
        }
    }
}

extension UInt16 {
    fileprivate var asInt: Int { Int(self) }
}
