package import HostCore
package import NIOCore

/// What a worker tells the host.
package enum WorkerReport {
    /// An order has been carried out: of calls, their method has returned.
    ///
    /// - error: why not.
    /// - value: of `load` the plugin's description, of `save` the state; both in parts if they are large, of which this
    ///   is the last.
    case done(lane: Int, error: PluginError?, value: ByteBuffer)
    /// A part of the value of an order that is being carried out.
    case value(lane: Int, ByteBuffer)
    /// The response to a call, or the beginning of it.
    ///
    /// - bytesLeft: how much of the body is still to come, in ``more(_:_:)``.
    case finished(CallNumber, CallResponse, bytesLeft: Int)
    case more(CallNumber, ByteBuffer)
    case failed(CallNumber, CallFailure)
    /// A part of a streamed response.
    case part(CallNumber, CallResponse)
    /// A line for the log.
    case log(level: UInt8, message: String, metadata: [(name: String, value: String)])
    /// How often the plugin has broken the contract by now.
    case misuses(Int)
    /// A question of the plugin's handles, to be answered by ``WorkerOrder/answer(_:_:)`` of that number.
    case question(UInt64, HandleQuestion)
    /// More of the argument of one.
    case argument(UInt64, ByteBuffer)

    private enum Kind: UInt8 {
        case done, value, finished, more, failed, part, log, misuses, question, argument
    }

    /// What the headers of a response, or of a handle's call, may have, names and values together.
    package static let largestHead = 32 << 10

    /// The size of fields as ``largestHead`` counts it.
    package static func size(of fields: [(name: String, value: String)]) -> Int {
        fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }

    /// What of a body goes with the beginning of a response.
    package static let firstPart = ReportFrame.capacity / 2

    package init(reading bytes: ByteBuffer) throws(TransportError) {
        var reader = MessageReader(bytes)
        switch Kind(rawValue: try reader.number()) {
        case .done:
            self = .done(
                lane: try reader.lane(), error: try reader.optional(PluginError.init),
                value: try reader.block())
        case .value: self = .value(lane: try reader.lane(), try reader.block())
        case .finished:
            self = .finished(
                try reader.call(), try CallResponse(from: &reader),
                bytesLeft: Int(try reader.number(UInt32.self)))
        case .more: self = .more(try reader.call(), try reader.block())
        case .failed: self = .failed(try reader.call(), try CallFailure(from: &reader))
        case .part: self = .part(try reader.call(), try CallResponse(from: &reader))
        case .log:
            self = .log(
                level: try reader.number(), message: try reader.text(),
                metadata: try reader.fields())
        case .misuses: self = .misuses(Int(try reader.number(UInt32.self)))
        case .question:
            self = .question(try reader.number(), try HandleQuestion(from: &reader))
        case .argument: self = .argument(try reader.number(), try reader.block())
        case nil: throw TransportError("a report of a kind that this host does not know")
        }
    }

    /// Its bytes.
    package var packed: ByteBuffer {
        var bytes = ByteBuffer()
        switch self {
        case .done(let lane, let error, let value):
            bytes.writeNumber(Kind.done.rawValue)
            bytes.writeNumber(UInt32(lane))
            bytes.writeOptional(error) { $1.write(to: &$0) }
            bytes.writeBlock(value)
        case .value(let lane, let value):
            bytes.writeNumber(Kind.value.rawValue)
            bytes.writeNumber(UInt32(lane))
            bytes.writeBlock(value)
        case .finished(let call, let response, let bytesLeft):
            bytes.writeNumber(Kind.finished.rawValue)
            bytes.writeNumber(call.rawValue)
            response.write(to: &bytes)
            bytes.writeNumber(UInt32(bytesLeft))
        case .more(let call, let part):
            bytes.writeNumber(Kind.more.rawValue)
            bytes.writeNumber(call.rawValue)
            bytes.writeBlock(part)
        case .failed(let call, let failure):
            bytes.writeNumber(Kind.failed.rawValue)
            bytes.writeNumber(call.rawValue)
            failure.write(to: &bytes)
        case .part(let call, let part):
            bytes.writeNumber(Kind.part.rawValue)
            bytes.writeNumber(call.rawValue)
            part.write(to: &bytes)
        case .log(let level, let message, let metadata):
            bytes.writeNumber(Kind.log.rawValue)
            bytes.writeNumber(level)
            bytes.writeText(message)
            bytes.writeFields(metadata)
        case .misuses(let count):
            bytes.writeNumber(Kind.misuses.rawValue)
            bytes.writeNumber(UInt32(clamping: count))
        case .question(let number, let question):
            bytes.writeNumber(Kind.question.rawValue)
            bytes.writeNumber(number)
            question.write(to: &bytes)
        case .argument(let number, let part):
            bytes.writeNumber(Kind.argument.rawValue)
            bytes.writeNumber(number)
            bytes.writeBlock(part)
        }
        return bytes
    }
}

extension MessageReader {
    fileprivate mutating func lane() throws(TransportError) -> Int {
        let lane = Int(try number(UInt32.self))
        guard lane < WorkerMemory.laneCount else {
            throw TransportError("there is no lane \(lane)")
        }
        return lane
    }

    fileprivate mutating func call() throws(TransportError) -> CallNumber {
        guard let call = CallNumber(rawValue: try number()) else {
            throw TransportError("a report of a call without a number")
        }
        return call
    }

    /// Fields that can stand in an HTTP message.
    fileprivate mutating func responseFields() throws(TransportError) -> [(
        name: String, value: String
    )] {
        let fields = try fields()
        guard fields.allSatisfy({ HTTPText.isField($0.name, $0.value) }) else {
            throw TransportError("a response has a field that no HTTP message can have")
        }
        return fields
    }
}

extension CallResponse {
    init(from reader: inout MessageReader) throws(TransportError) {
        let status = Int(try reader.number(UInt16.self))
        let contentType = try reader.text()
        guard (200...599).contains(status), HTTPText.isFieldContent(contentType) else {
            throw TransportError("a response has the status \(status), or no content type")
        }
        let headers = try reader.responseFields()
        let trailers = try reader.responseFields()
        self.init(
            status: status, body: try reader.block(), contentType: contentType, headers: headers)
        self.trailers = trailers
    }

    func write(to bytes: inout ByteBuffer) {
        bytes.writeNumber(UInt16(status))
        bytes.writeText(contentType)
        bytes.writeFields(headers)
        bytes.writeFields(trailers)
        bytes.writeBlock(body)
    }
}

extension CallFailure {
    init(from reader: inout MessageReader) throws(TransportError) {
        let status = StatusCode(failure: try reader.number())
        let message = try reader.text()
        let httpStatus = Int(try reader.number(UInt16.self))
        guard httpStatus == 0 || (400...599).contains(httpStatus) else {
            throw TransportError("a failure has the HTTP status \(httpStatus)")
        }
        let headers = try reader.responseFields()
        let details = try reader.optional { reader throws(TransportError) in
            let contentType = try reader.text()
            guard HTTPText.isFieldContent(contentType) else {
                throw TransportError("a failure's details have no content type")
            }
            return FailureDetails(contentType: contentType, bytes: try reader.block())
        }
        self.init(
            status, message, httpStatus: httpStatus == 0 ? nil : httpStatus, headers: headers,
            details: details)
    }

    func write(to bytes: inout ByteBuffer) {
        bytes.writeNumber(status.rawValue)
        bytes.writeText(message)
        bytes.writeNumber(UInt16(httpStatus ?? 0))
        bytes.writeFields(headers)
        bytes.writeOptional(details) { bytes, details in
            bytes.writeText(details.contentType)
            bytes.writeBlock(details.bytes)
        }
    }
}

extension PluginError {
    init(from reader: inout MessageReader) throws(TransportError) {
        let code = Code(rawValue: try reader.text()) ?? .lifecycleFailed
        self.init(code, try reader.text())
    }

    func write(to bytes: inout ByteBuffer) {
        bytes.writeText(code.rawValue)
        bytes.writeText(message)
    }
}
