package import HostCore
package import NIOCore

/// What the host tells a thread of a worker to do. Each is reported as done.
package enum WorkerOrder {
    /// Loads a plugin's library; the first order of all, on the first lane.
    case load(LibraryOrder)
    /// Makes the instance. Of the first lane, as all that follow, but for calls and health checks.
    case create(replica: Int, backend: String, userConfig: String)
    case warmUp
    case checkHealth
    case save
    case restore(ByteBuffer)
    case reconfigure(String)
    /// Destroys the instance, if there is one, and unloads the library. The worker ends.
    case end
    /// - method: an index into the plugin's table.
    /// - isBatch: whether one invoke gets them all; otherwise they are run one after the other.
    case calls(method: Int, isBatch: Bool, [OrderedCall])
    /// The answer to a question of the plugin's handles. Of the lane for answers.
    case answer(UInt64, HandleAnswer)

    /// The lane for answers: what a thread waits for can't come by its own.
    package static let answerLane = WorkerMemory.laneCount - 1

    /// A library that is to be loaded.
    package struct LibraryOrder {
        /// The copy that is the worker's to map.
        package var path: String
        /// Where the original is.
        package var source: String
        /// The plugin's name, for the log.
        package var plugin: String
        package var generation: Int
        package var manifestPath: String
        package var dataDirectory: String
        /// As swift-log numbers it: lines below it are not worth their way.
        package var logLevel: UInt8

        package init(
            path: String, source: String, plugin: String, generation: Int, manifestPath: String,
            dataDirectory: String, logLevel: UInt8
        ) {
            self.path = path
            self.source = source
            self.plugin = plugin
            self.generation = generation
            self.manifestPath = manifestPath
            self.dataDirectory = dataDirectory
            self.logLevel = logLevel
        }
    }

    /// A call, as the worker sees it.
    package struct OrderedCall {
        package var number: CallNumber
        /// When nobody waits for the response any more, by the system's monotonic clock; 0: never.
        package var deadline: UInt64
        package var contentType: String
        /// What ``metadata`` reads; empty: the host is to be asked.
        fileprivate var packedMetadata: ByteBuffer
        package var argument: ByteBuffer

        /// nil: it did not come along; see ``HandleQuestion/metadata(_:)``.
        package var metadata: CallMetadata? {
            guard packedMetadata.readableBytes > 0 else { return nil }
            var reader = MessageReader(packedMetadata)
            return try? CallMetadata(from: &reader)
        }
    }

    private enum Kind: UInt8 {
        case load, create, warmUp, checkHealth, save, restore, reconfigure, end, calls, answer
    }

    package init(reading bytes: ByteBuffer) throws(TransportError) {
        var reader = MessageReader(bytes)
        switch Kind(rawValue: try reader.number()) {
        case .load: self = .load(try LibraryOrder(from: &reader))
        case .create:
            self = .create(
                replica: Int(try reader.number(UInt32.self)), backend: try reader.text(),
                userConfig: try reader.text())
        case .warmUp: self = .warmUp
        case .checkHealth: self = .checkHealth
        case .save: self = .save
        case .restore: self = .restore(try reader.block())
        case .reconfigure: self = .reconfigure(try reader.text())
        case .end: self = .end
        case .calls:
            self = .calls(
                method: Int(try reader.number(UInt32.self)), isBatch: try reader.flag(),
                try reader.list(OrderedCall.init))
        case .answer: self = .answer(try reader.number(), try HandleAnswer(from: &reader))
        case nil: throw TransportError("an order of a kind that this worker does not know")
        }
    }

    /// Its bytes.
    package var packed: ByteBuffer {
        var bytes = ByteBuffer()
        switch self {
        case .load(let library):
            bytes.writeNumber(Kind.load.rawValue)
            library.write(to: &bytes)
        case .create(let replica, let backend, let userConfig):
            bytes.writeNumber(Kind.create.rawValue)
            bytes.writeNumber(UInt32(replica))
            bytes.writeText(backend)
            bytes.writeText(userConfig)
        case .warmUp: bytes.writeNumber(Kind.warmUp.rawValue)
        case .checkHealth: bytes.writeNumber(Kind.checkHealth.rawValue)
        case .save: bytes.writeNumber(Kind.save.rawValue)
        case .restore(let state):
            bytes.writeNumber(Kind.restore.rawValue)
            bytes.writeBlock(state)
        case .reconfigure(let userConfig):
            bytes.writeNumber(Kind.reconfigure.rawValue)
            bytes.writeText(userConfig)
        case .end: bytes.writeNumber(Kind.end.rawValue)
        case .answer(let number, let answer):
            bytes.writeNumber(Kind.answer.rawValue)
            bytes.writeNumber(number)
            answer.write(to: &bytes)
        case .calls: preconditionFailure("calls are packed as they are: pack(_:method:into:)")
        }
        return bytes
    }

    /// Packs calls of one method, each with its number.
    ///
    /// - Parameter withMetadata: whether the plugin is one that asks for it.
    package static func pack(
        _ calls: some Collection<(number: CallNumber, call: any PluginCall)>, method: Int,
        isBatch: Bool, withMetadata: Bool, into bytes: inout ByteBuffer
    ) {
        bytes.writeNumber(Kind.calls.rawValue)
        bytes.writeNumber(UInt32(method))
        bytes.writeFlag(isBatch)
        bytes.writeList(calls) { bytes, entry in
            bytes.writeNumber(entry.number.rawValue)
            bytes.writeNumber(entry.call.deadline?.uptimeNanoseconds ?? 0)
            bytes.writeText(entry.call.contentType)
            var packed = ByteBuffer()
            if withMetadata { entry.call.makeMetadata().write(to: &packed) }
            bytes.writeBlock(packed)
            bytes.writeBlock(entry.call.argument)
        }
    }
}

extension WorkerOrder.OrderedCall {
    fileprivate init(from reader: inout MessageReader) throws(TransportError) {
        guard let number = CallNumber(rawValue: try reader.number()) else {
            throw TransportError("a call without a number")
        }
        self.number = number
        deadline = try reader.number()
        contentType = try reader.text()
        packedMetadata = try reader.block()
        argument = try reader.block()
    }
}

extension WorkerOrder.LibraryOrder {
    fileprivate init(from reader: inout MessageReader) throws(TransportError) {
        path = try reader.text()
        source = try reader.text()
        plugin = try reader.text()
        generation = Int(try reader.number(UInt64.self))
        manifestPath = try reader.text()
        dataDirectory = try reader.text()
        logLevel = try reader.number()
    }

    fileprivate func write(to bytes: inout ByteBuffer) {
        bytes.writeText(path)
        bytes.writeText(source)
        bytes.writeText(plugin)
        bytes.writeNumber(UInt64(generation))
        bytes.writeText(manifestPath)
        bytes.writeText(dataDirectory)
        bytes.writeNumber(logLevel)
    }
}

extension CallMetadata {
    init(from reader: inout MessageReader) throws(TransportError) {
        self.init(
            origin: try reader.flag() ? .http : .handle, httpMethod: try reader.text(),
            path: try reader.text(), query: try reader.text(), requestID: try reader.text(),
            shardKey: try reader.text(), headers: try reader.fields(),
            remoteAddress: try reader.text(), scheme: try reader.text(),
            subject: try reader.text())
    }

    func write(to bytes: inout ByteBuffer) {
        bytes.writeFlag(origin == .http)
        bytes.writeText(httpMethod)
        bytes.writeText(path)
        bytes.writeText(query)
        bytes.writeText(requestID)
        bytes.writeText(shardKey)
        bytes.writeFields(headers)
        bytes.writeText(remoteAddress)
        bytes.writeText(scheme)
        bytes.writeText(subject)
    }
}
