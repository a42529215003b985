internal import NIOCore
internal import PluginABI

/// The C table of what the stages of one loaded library do with requests, and what is behind it.
///
/// Never freed, as ``HostTable``.
@safe struct PassageTable: @unchecked Sendable {
    // Sendable: the memory is written once, here, and constant from then on; what it refers to is Sendable.
    private let storage: UnsafeMutablePointer<Storage>

    /// The C struct first, so that its address leads back to the context.
    @safe private struct Storage {
        var table: backplane_passage_host_t
        var context: Unmanaged<HostContext>
    }

    init(context: HostContext) {
        let table = unsafe backplane_passage_host_t(
            struct_size: UInt32(MemoryLayout<backplane_passage_host_t>.size), reserved: 0,
            set_header: { passage, name, value in
                unsafe PassageTable.changeHeader(passage, name, value) {
                    .setHeader(name: $0, value: $1)
                }
            },
            add_header: { passage, name, value in
                unsafe PassageTable.changeHeader(passage, name, value) {
                    .addHeader(name: $0, value: $1)
                }
            },
            remove_header: { passage, name in
                unsafe PassageTable.changeHeader(passage, name, backplane_string_t()) { name, _ in
                    .removeHeader(name: name)
                }
            },
            set_path: { passage, path in
                let path = unsafe PluginInput.text(path)
                return unsafe PassageTable.change(
                    passage, path.flatMap { HTTPTarget.isPath($0) ? .path($0) : nil })
            },
            set_query: { passage, query in
                let query = unsafe PluginInput.text(query)
                return unsafe PassageTable.change(
                    passage, query.flatMap { HTTPTarget.isQuery($0) ? .query($0) : nil })
            },
            set_body: { passage, body in
                let body = unsafe PluginInput.body(body)
                return unsafe PassageTable.change(passage, body.map { .body($0) })
            },
            proceed: { passage, context in
                unsafe PassageTable.decide(passage, .proceed(PassageContext(pointer: context)))
            },
            answer: { passage, httpStatus, response in
                let decision = unsafe PassageTable.context(passage)
                    .passageAnswer(httpStatus, response)
                let verdict = unsafe PassageTable.decide(passage, decision)
                if verdict == BACKPLANE_STATUS_OK, case .fail = decision {
                    return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
                }
                return verdict
            },
            fail: { passage, status, message in
                let message = unsafe PassageTable.context(passage).message(message)
                return unsafe PassageTable.decide(
                    passage, .fail(PluginFailure(StatusCode(failure: status), message)))
            })
        unsafe storage = .allocate(capacity: 1)
        unsafe storage.initialize(to: Storage(table: table, context: .passRetained(context)))
    }

    /// What a library is handed for a request.
    func value(_ id: UInt64) -> backplane_passage_t {
        unsafe backplane_passage_t(
            host: UnsafeRawPointer(storage).assumingMemoryBound(to: backplane_passage_host_t.self),
            id: id)
    }

    private static func context(_ passage: backplane_passage_t) -> HostContext {
        unsafe UnsafeRawPointer(passage.host).assumingMemoryBound(to: Storage.self)
            .pointee.context.takeUnretainedValue()
    }

    // MARK: From the plugin

    private static func changeHeader(
        _ passage: backplane_passage_t, _ name: backplane_string_t, _ value: backplane_string_t,
        _ make: (String, String) -> PassageChange
    ) -> backplane_status_t {
        guard let name = unsafe PluginInput.text(name), let value = unsafe PluginInput.text(value),
            HeaderField.isValid(name, value)
        else { return unsafe change(passage, nil) }
        return unsafe change(passage, make(name, value))
    }

    /// - Parameter change: nil: what the plugin passed can't be used.
    private static func change(
        _ passage: backplane_passage_t, _ change: PassageChange?
    ) -> backplane_status_t {
        let context = unsafe context(passage)
        guard let change else { return context.status(of: .invalid) }
        let target = unsafe context.passages.find(passage.id)
        return context.status(of: target?.change(change) ?? .outOfTurn)
    }

    private static func decide(
        _ passage: backplane_passage_t, _ decision: PassageDecision
    ) -> backplane_status_t {
        let context = unsafe context(passage)
        let target = unsafe context.passages.find(passage.id)
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
            conduct.record(.invalidStruct)
            return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
        case .outOfTurn:
            conduct.record(.passageOutOfTurn)
            return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION)
        case .tooLate:
            return backplane_status_t(BACKPLANE_STATUS_CANCELLED)
        }
    }

    /// A stage's own answer; a failure when it can't be used.
    fileprivate func passageAnswer(
        _ httpStatus: Int32, _ response: UnsafePointer<backplane_response_t>
    ) -> PassageDecision {
        guard (200...599).contains(httpStatus) else {
            conduct.record(.invalidStruct)
            return .fail(
                PluginFailure(.internal, "the plugin answered with the HTTP status \(httpStatus)"))
        }
        switch unsafe read(response, memory: nil) {
        case .success(var response):
            response.status = Int(httpStatus)
            return .answer(response)
        case .failure(let failure):
            return .fail(failure)
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
