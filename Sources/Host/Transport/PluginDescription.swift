package import HostPlugins
internal import HostTypedCalls
package import NIOCore

/// What a worker says of the plugin that it has loaded: the host never maps the library.
package struct PluginDescription: Sendable {
    package var descriptor: PluginDescriptor
    package var tellsHealth: Bool
    package var handsStateOver: Bool
    package var takesNewConfiguration: Bool
    package var hasBatchKeys: Bool
    /// Whether it offers stages.
    package var isMiddleware: Bool

    package init(of generation: PluginGeneration) {
        descriptor = generation.descriptor
        tellsHealth = generation.tellsHealth
        handsStateOver = generation.handsStateOver
        takesNewConfiguration = generation.takesNewConfiguration
        hasBatchKeys = generation.hasBatchKeys
        isMiddleware = generation.offersMiddleware
    }

    package init(reading bytes: ByteBuffer) throws(TransportError) {
        var reader = MessageReader(bytes)
        let (name, version) = (try reader.text(), try reader.text())
        let (description, abiVersion) = (try reader.text(), try reader.text())
        let (isReentrant, isUnloadable) = (try reader.flag(), try reader.flag())
        descriptor = PluginDescriptor(
            name: name, version: version, description: description, abiVersion: abiVersion,
            isReentrant: isReentrant, isUnloadable: isUnloadable,
            methods: try reader.list(PluginDescriptor.Method.init))
        tellsHealth = try reader.flag()
        handsStateOver = try reader.flag()
        takesNewConfiguration = try reader.flag()
        hasBatchKeys = try reader.flag()
        isMiddleware = try reader.flag()
    }

    package var packed: ByteBuffer {
        var bytes = ByteBuffer()
        bytes.writeText(descriptor.name)
        bytes.writeText(descriptor.version)
        bytes.writeText(descriptor.description)
        bytes.writeText(descriptor.abiVersion)
        bytes.writeFlag(descriptor.isReentrant)
        bytes.writeFlag(descriptor.isUnloadable)
        bytes.writeList(descriptor.methods) { $1.write(to: &$0) }
        bytes.writeFlag(tellsHealth)
        bytes.writeFlag(handsStateOver)
        bytes.writeFlag(takesNewConfiguration)
        bytes.writeFlag(hasBatchKeys)
        bytes.writeFlag(isMiddleware)
        return bytes
    }
}

extension PluginDescriptor.Method {
    fileprivate init(from reader: inout MessageReader) throws(TransportError) {
        let (name, description) = (try reader.text(), try reader.text())
        let isBatchable = try reader.flag()
        let (isInline, isAsync) = (try reader.flag(), try reader.flag())
        let (isReentrant, isIdempotent) = (try reader.flag(), try reader.flag())
        let preferred = Int(try reader.number(UInt32.self))
        let signature = try reader.text()
        self.init(
            name: name, description: description, isBatchable: isBatchable, isInline: isInline,
            isAsync: isAsync, isReentrant: isReentrant, isIdempotent: isIdempotent,
            preferredBatchSize: preferred == 0 ? nil : preferred,
            signature: signature.isEmpty ? nil : try? Signature(parsing: signature))
    }

    fileprivate func write(to bytes: inout ByteBuffer) {
        bytes.writeText(name)
        bytes.writeText(description)
        bytes.writeFlag(isBatchable)
        bytes.writeFlag(isInline)
        bytes.writeFlag(isAsync)
        bytes.writeFlag(isReentrant)
        bytes.writeFlag(isIdempotent)
        bytes.writeNumber(UInt32(preferredBatchSize ?? 0))
        bytes.writeText(signature?.text ?? "")
    }
}
