internal import HostCore
internal import NIOCore
internal import PluginABI

/// The C table of what the stages of one loaded library do with requests, and what is behind it.
///
/// Never freed, as ``HostTable``.
@safe struct NextTable: @unchecked Sendable {
    // Sendable: the memory is written once, here, and constant from then on; what it refers to is Sendable.
    private let storage: UnsafeMutablePointer<Storage>

    /// The C struct first, so that its address leads back to the context.
    @safe private struct Storage {
        var table: backplane_next_host_t
        var context: Unmanaged<HostContext>
    }

    init(context: HostContext) {
        let table = unsafe backplane_next_host_t(
            struct_size: UInt32(MemoryLayout<backplane_next_host_t>.size), reserved: 0,
            set_header: { next, name, value in
                unsafe NextTable.changeHeader(next, name, value) {
                    .setHeader(name: $0, value: $1)
                }
            },
            add_header: { next, name, value in
                unsafe NextTable.changeHeader(next, name, value) {
                    .addHeader(name: $0, value: $1)
                }
            },
            remove_header: { next, name in
                unsafe NextTable.changeHeader(next, name, backplane_string_t()) { name, _ in
                    .removeHeader(name: name)
                }
            },
            set_path: { next, path in
                let path = unsafe PluginInput.text(path)
                return unsafe NextTable.change(
                    next, path.flatMap { HTTPTarget.isPath($0) ? .path($0) : nil })
            },
            set_query: { next, query in
                let query = unsafe PluginInput.text(query)
                return unsafe NextTable.change(
                    next, query.flatMap { HTTPTarget.isQuery($0) ? .query($0) : nil })
            },
            set_body: { next, body in
                let body = unsafe PluginInput.body(body)
                return unsafe NextTable.change(next, body.map { .body($0) })
            },
            proceed: { next, context in
                unsafe NextTable.decide(next, .proceed(PassageContext(pointer: context)))
            },
            respond: { next, response in
                let result = unsafe NextTable.context(next).read(response, memory: nil)
                switch result {
                case .success(let response):
                    return unsafe NextTable.decide(next, .answer(response))
                case .failure(let failure):
                    return unsafe NextTable.decideInvalid(next, failure)
                }
            },
            fail: { next, status, message in
                let message = unsafe NextTable.context(next).message(message)
                return unsafe NextTable.decide(
                    next, .fail(CallFailure(StatusCode(failure: status), message)))
            },
            fail_with: { next, failure in
                let result = unsafe NextTable.context(next).read(failure)
                switch result {
                case .success(let failure):
                    return unsafe NextTable.decide(next, .fail(failure))
                case .failure(let failure):
                    return unsafe NextTable.decideInvalid(next, failure)
                }
            })
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: Storage(table: table, context: .passRetained(context)))
    }

    /// What a library is handed for a request.
    func value(_ id: UInt64) -> backplane_next_t {
        unsafe backplane_next_t(
            host: UnsafeRawPointer(storage).assumingMemoryBound(to: backplane_next_host_t.self),
            id: id)
    }

    private static func context(_ next: backplane_next_t) -> HostContext {
        unsafe UnsafeRawPointer(next.host).assumingMemoryBound(to: Storage.self)
            .pointee.context.takeUnretainedValue()
    }

    // MARK: From the plugin

    private static func changeHeader(
        _ next: backplane_next_t, _ name: backplane_string_t, _ value: backplane_string_t,
        _ make: (String, String) -> PassageChange
    ) -> backplane_status_t {
        guard let name = unsafe PluginInput.text(name), let value = unsafe PluginInput.text(value),
            HTTPText.isField(name, value)
        else { return unsafe change(next, nil) }
        return unsafe change(next, make(name, value))
    }

    /// - Parameter change: nil: what the plugin passed can't be used.
    private static func change(
        _ next: backplane_next_t, _ change: PassageChange?
    ) -> backplane_status_t {
        let context = unsafe context(next)
        guard let change else { return context.status(of: .invalid) }
        let target = unsafe context.invocations.find(next.id)
        return context.status(of: target?.change(change) ?? .outOfTurn)
    }

    /// What the plugin decided can't be used: the caller gets a failure in its place.
    private static func decideInvalid(
        _ next: backplane_next_t, _ failure: CallFailure
    ) -> backplane_status_t {
        let verdict = unsafe decide(next, .fail(failure))
        return verdict == BACKPLANE_STATUS_OK
            ? backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT) : verdict
    }

    private static func decide(
        _ next: backplane_next_t, _ decision: PassageDecision
    ) -> backplane_status_t {
        let context = unsafe context(next)
        let target = unsafe context.invocations.find(next.id)
        return context.status(of: target?.decide(decision) ?? .outOfTurn)
    }
}

extension HostContext {
    /// What the plugin gets for a verdict; what it could have known better is counted.
    fileprivate func status(of verdict: PassageVerdict) -> backplane_status_t {
        switch verdict {
        case .done:
            return backplane_status_t(BACKPLANE_STATUS_OK)
        case .refused:
            return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION)
        case .invalid:
            violations.record(.invalidStruct)
            return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
        case .outOfTurn:
            violations.record(.passageOutOfTurn)
            return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION)
        case .tooLate:
            return backplane_status_t(BACKPLANE_STATUS_CANCELLED)
        }
    }
}

/// What may stand in a request's target.
///
/// Source: RFC 9112, section 3.2.1 (origin-form), as far as the host needs it: visible ASCII, and nothing that begins
/// the next part.
private enum HTTPTarget {
    static func isPath(_ text: String) -> Bool {
        text.utf8.first == UInt8(ascii: "/")
            && text.utf8.allSatisfy { isVisible($0) && $0 != UInt8(ascii: "?") }
    }

    static func isQuery(_ text: String) -> Bool {
        text.utf8.allSatisfy(isVisible)
    }

    private static func isVisible(_ byte: UInt8) -> Bool {
        (0x21...0x7E).contains(byte) && byte != UInt8(ascii: "#")
    }
}
