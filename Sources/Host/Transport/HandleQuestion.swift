package import HostCore
internal import NIOCore

/// What a plugin in a worker asks of the host's endpoints through its handles.
package enum HandleQuestion {
    case hasEndpoint(String)
    /// What the call is about, which did not come with it: from now on it does.
    case metadata(CallNumber)
    /// - parent: the call on whose behalf it is made; nil: none, or one that is finished.
    /// - isForwarded: whether it is the parent's request as it came, body and all.
    /// - bytesLeft: how much of the argument is still to come.
    case call(HandleRequest, parent: CallNumber?, isForwarded: Bool, bytesLeft: Int)

    init(from reader: inout MessageReader) throws(TransportError) {
        switch try reader.number(UInt8.self) {
        case 0:
            self = .hasEndpoint(try reader.text())
            return
        case 1:
            guard let call = CallNumber(rawValue: try reader.number()) else {
                throw TransportError("a question about a call without a number")
            }
            self = .metadata(call)
            return
        default: break
        }
        var request = HandleRequest(endpoint: try reader.text())
        request.waitsForEndpoint = try reader.flag()
        request.method = try reader.text()
        request.contentType = try reader.text()
        request.httpMethod = try reader.text()
        request.query = try reader.text()
        request.headers = try reader.fields()
        request.shardKey = try reader.text()
        request.requestID = try reader.text()
        let timeout = try reader.number(Int64.self)
        if timeout >= 0 { request.timeout = .nanoseconds(timeout) }
        let parent = CallNumber(rawValue: try reader.number())
        let isForwarded = try reader.flag()
        let bytesLeft = Int(try reader.number(UInt32.self))
        request.argument = try reader.block()
        guard HTTPText.isFieldContent(request.contentType), HTTPText.isToken(request.httpMethod),
            request.headers.allSatisfy({ HTTPText.isField($0.name, $0.value) })
        else { throw TransportError("a handle's request that no HTTP message can be") }
        // Not on the thread that listens to the worker.
        request.mayRunInline = false
        self = .call(request, parent: parent, isForwarded: isForwarded, bytesLeft: bytesLeft)
    }

    func write(to bytes: inout ByteBuffer) {
        switch self {
        case .hasEndpoint(let name):
            bytes.writeNumber(UInt8(0))
            bytes.writeText(name)
        case .metadata(let call):
            bytes.writeNumber(UInt8(1))
            bytes.writeNumber(call.rawValue)
        case .call(let request, let parent, let isForwarded, let bytesLeft):
            bytes.writeNumber(UInt8(2))
            bytes.writeText(request.endpoint)
            bytes.writeFlag(request.waitsForEndpoint)
            bytes.writeText(request.method)
            bytes.writeText(request.contentType)
            bytes.writeText(request.httpMethod)
            bytes.writeText(request.query)
            bytes.writeFields(request.headers)
            bytes.writeText(request.shardKey)
            bytes.writeText(request.requestID)
            bytes.writeNumber(request.timeout.map { Int64(clamping: $0.nanoseconds) } ?? -1)
            bytes.writeNumber(parent?.rawValue ?? 0)
            bytes.writeFlag(isForwarded)
            bytes.writeNumber(UInt32(bytesLeft))
            bytes.writeBlock(request.argument)
        }
    }
}

extension Duration {
    /// Rounded down, and as much as there is room for.
    fileprivate var nanoseconds: Int64 {
        let (seconds, overflow) = components.seconds.multipliedReportingOverflow(by: 1_000_000_000)
        guard !overflow else { return .max }
        return seconds.addingReportingOverflow(components.attoseconds / 1_000_000_000).overflow
            ? .max : seconds + components.attoseconds / 1_000_000_000
    }
}

/// What comes of it.
package enum HandleAnswer {
    case flag(Bool)
    /// nil: the call is finished.
    case metadata(CallMetadata?)
    case response(Result<CallResponse, CallFailure>)

    init(from reader: inout MessageReader) throws(TransportError) {
        switch try reader.number(UInt8.self) {
        case 0: self = .flag(try reader.flag())
        case 3: self = .metadata(try reader.optional(CallMetadata.init))
        case 1: self = .response(.success(try CallResponse(from: &reader)))
        default: self = .response(.failure(try CallFailure(from: &reader)))
        }
    }

    func write(to bytes: inout ByteBuffer) {
        switch self {
        case .flag(let flag):
            bytes.writeNumber(UInt8(0))
            bytes.writeFlag(flag)
        case .metadata(let metadata):
            bytes.writeNumber(UInt8(3))
            bytes.writeOptional(metadata) { $1.write(to: &$0) }
        case .response(.success(let response)):
            bytes.writeNumber(UInt8(1))
            response.write(to: &bytes)
        case .response(.failure(let failure)):
            bytes.writeNumber(UInt8(2))
            failure.write(to: &bytes)
        }
    }
}
