package import HostCore
internal import NIOConcurrencyHelpers
internal import PluginABI

/// `backplane.state/1`: an instance hands its state to that of the next generation.
extension PluginExtension where Struct == backplane_state_extension_t {
    static var state: Self {
        Self(BACKPLANE_EXTENSION_STATE, requires: "save and restore") {
            unsafe $0.save != nil && $0.restore != nil
        }
    }
}

extension backplane_state_extension_t: ABIStruct {
    static let sizes = [24]
}

extension PluginGeneration {
    package var handsStateOver: Bool { extensions[.state] != nil }
}

extension PluginInstance {
    /// The instance's state for the next generation. Requires `handsStateOver`.
    package func save() throws(PluginError) -> [UInt8] {
        guard let save = unsafe generation.extensions[.state]?.save else {
            preconditionFailure("save of a plugin without the state extension")
        }
        let bytes = StateSink()
        unsafe try LifecycleError.check("save") { error in
            var sink = unsafe backplane_sink_t(
                struct_size: UInt32(MemoryLayout<backplane_sink_t>.size), reserved: 0,
                context: Unmanaged.passUnretained(bytes).toOpaque(), write: StateSink.write)
            return unsafe save(pointer, &sink, error)
        }
        return bytes.bytes
    }

    /// Takes over the state that another generation's ``save()`` returned. Requires `handsStateOver`.
    package func restore(_ state: [UInt8]) throws(PluginError) {
        guard let restore = unsafe generation.extensions[.state]?.restore else {
            preconditionFailure("restore of a plugin without the state extension")
        }
        unsafe try LifecycleError.check("restore") { error in
            unsafe state.withUnsafeBufferPointer { buffer in
                unsafe restore(
                    pointer,
                    backplane_bytes_t(data: buffer.baseAddress, size: UInt64(buffer.count)), error)
            }
        }
    }
}

/// Collects what a plugin's `save` writes, from whatever threads.
private final class StateSink: Sendable {
    private let collected = NIOLockedValueBox<[UInt8]>([])
    private static let limit = 64 << 20

    var bytes: [UInt8] { collected.withLockedValue { $0 } }

    static let write:
        @convention(c) (UnsafeMutablePointer<backplane_sink_t>, backplane_bytes_t) ->
            backplane_status_t = { sink, added in
                let target = unsafe Unmanaged<StateSink>.fromOpaque(sink.pointee.context!)
                    .takeUnretainedValue()
                return unsafe target.append(added)
            }

    private func append(_ added: backplane_bytes_t) -> backplane_status_t {
        guard unsafe added.size > 0 else { return backplane_status_t(BACKPLANE_STATUS_OK) }
        guard let data = unsafe added.data else {
            return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
        }
        return collected.withLockedValue { bytes in
            guard unsafe added.size <= UInt64(Self.limit - bytes.count) else {
                return backplane_status_t(BACKPLANE_STATUS_RESOURCE_EXHAUSTED)
            }
            unsafe bytes.append(
                contentsOf: UnsafeBufferPointer(start: data, count: Int(added.size)))
            return backplane_status_t(BACKPLANE_STATUS_OK)
        }
    }
}
