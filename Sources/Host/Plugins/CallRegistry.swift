internal import HostCore
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import PluginABI

/// The calls that one library has been given and not yet finished, by the ids that the library knows them by.
///
/// An id is a slot and the number of times that slot has been taken. A finished call's id matches no slot any more, so
/// a plugin that finishes a call twice, from whatever thread and however late, hits nothing. Slots and the request
/// structs in them are never freed: also a plugin that reads a request after the end reads memory that is there.
final class CallRegistry: Sendable {
    // Sendable, unchecked: the request block is touched under the registry's lock, and by the plugin in between.
    @safe fileprivate struct Slot: @unchecked Sendable {
        var use: UInt64 = 0
        var call: (any PluginCall)?
        var memory: CallMemory?
        var isInline = false
        let request: UnsafeMutablePointer<RequestBlock>
    }

    fileprivate struct State: Sendable {
        var slots: [Slot] = []
        var free: [Int] = []
    }

    // 2^20 calls at once, 2^44 uses of a slot: 200 days of a million calls a second through one slot.
    fileprivate static let slotBits: UInt64 = 20
    fileprivate static let slotMask: UInt64 = (1 << slotBits) - 1

    private let state = NIOLockedValueBox(State())

    /// Enters calls and writes what the plugin is handed for them.
    ///
    /// - Parameter output: room for as many elements as there are calls.
    func enter(
        _ calls: some Collection<any PluginCall>, method: Int, isInline: Bool,
        host: UnsafePointer<backplane_host_t>, output: UnsafeMutableBufferPointer<backplane_call_t>
    ) {
        state.withLockedValue { state in
            for (position, call) in calls.enumerated() {
                let index = state.takeSlot()
                precondition(
                    index <= Int(Self.slotMask), "more than a million calls at once in one plugin")
                state.slots[index].call = call
                state.slots[index].isInline = isInline
                let request = unsafe state.slots[index].request
                unsafe request.pointee.fill(call, method: method)
                unsafe output[position] = backplane_call_t(
                    host: host, request: request.pointee.pointer(request),
                    id: state.slots[index].use << Self.slotBits | UInt64(index))
            }
        }
    }

    /// Takes a call out, to be finished. The caller owes it its end.
    ///
    /// - Parameter read: reads the plugin's response, with what the host allocated for the call. The response may lie
    ///   in the request, so no other call gets the slot before this returns.
    /// - Returns: nil when no such call is unfinished.
    func take<Response>(
        _ id: UInt64, _ read: (any PluginCall, CallMemory?) -> Response
    ) -> (call: any PluginCall, answer: Response)? {
        let taken = state.withLockedValue { state in
            state.index(of: id).map { index in (index, state.takeOut(index)) }
        }
        guard let (index, (call, memory)) = taken else { return nil }
        defer { state.withLockedValue { $0.free.append(index) } }
        return (call, read(call, memory))
    }

    /// The unfinished calls among those of an `invoke` that has returned, taken out.
    func takeUnfinished(
        _ calls: UnsafeMutableBufferPointer<backplane_call_t>
    ) -> [any PluginCall] {
        state.withLockedValue { state in
            var unfinished: [any PluginCall] = []
            for position in calls.indices {
                guard let index = unsafe state.index(of: calls[position].id) else { continue }
                unfinished.append(state.takeOut(index).call)
                state.free.append(index)
            }
            return unfinished
        }
    }

    /// An unfinished call, and whether its method runs inline.
    func find(_ id: UInt64) -> (call: any PluginCall, isInline: Bool)? {
        state.withLockedValue { state in
            guard let index = state.index(of: id) else { return nil }
            return (state.slots[index].call!, state.slots[index].isInline)
        }
    }

    /// Runs `body` with what the host allocated for an unfinished call. The registry is locked meanwhile.
    func withMemory<Value>(
        of id: UInt64, _ body: (any PluginCall, CallMemory) -> Value
    ) -> Value? {
        state.withLockedValue { state in
            guard let index = state.index(of: id) else { return nil }
            let memory = state.slots[index].memory ?? CallMemory()
            state.slots[index].memory = memory
            return body(state.slots[index].call!, memory)
        }
    }
}

extension CallRegistry.State {
    mutating func takeSlot() -> Int {
        if let index = free.popLast() { return index }
        let request = UnsafeMutablePointer<RequestBlock>.allocate(capacity: 1)
        unsafe request.initialize(to: RequestBlock())
        unsafe slots.append(CallRegistry.Slot(request: request))
        return slots.count - 1
    }

    func index(of id: UInt64) -> Int? {
        let index = Int(id & CallRegistry.slotMask)
        guard index < slots.count, slots[index].call != nil,
            slots[index].use == id >> CallRegistry.slotBits
        else { return nil }
        return index
    }

    /// Ends a slot's use. It may be used again once it is among the free ones.
    mutating func takeOut(_ index: Int) -> (call: any PluginCall, memory: CallMemory?) {
        let call = slots[index].call!
        let memory = slots[index].memory
        slots[index].call = nil
        slots[index].memory = nil
        slots[index].use += 1
        return (call, memory)
    }
}
