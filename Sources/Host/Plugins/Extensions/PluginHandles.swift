internal import Dispatch
internal import HostCore
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import PluginABI

/// The handles that one library has opened, and the calls that it makes through them.
///
/// Every function may be called from any thread, with any argument a confused plugin may come up with.
final class PluginHandles: Sendable {
    typealias OnResponse =
        @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<backplane_handle_response_t>) ->
        Void

    private struct OpenHandle {
        let endpoint: String
        let waitsForEndpoint: Bool
    }

    private struct State {
        /// By id. An id is never used twice, so that a closed handle hits nothing.
        var open: [UInt64: OpenHandle] = [:]
        var lastID: UInt64 = 0
        /// Functions of the library that are still to be called: for responses, and for native objects.
        var owedCalls = 0
        /// Runs the callbacks of ``start(_:_:_:_:)``; made for the first one.
        var callbackThread: SerialThread?
        var isRetired = false
    }

    private let endpoints: any EndpointCaller
    private let calls: CallRegistry
    private let violations: ContractViolations
    private let state = NIOLockedValueBox(State())

    /// - Parameter calls: the library's unfinished calls, of which one can be the parent of a new one.
    init(to endpoints: any EndpointCaller, calls: CallRegistry, violations: ContractViolations) {
        self.endpoints = endpoints
        self.calls = calls
        self.violations = violations
    }

    /// The library has been unloaded.
    ///
    /// - Returns: whether none of its functions is still to be called.
    func retire() -> Bool {
        let (thread, owesNothing) = state.withLockedValue { state in
            state.isRetired = true
            defer { state.callbackThread = nil }
            return (state.callbackThread, state.owedCalls == 0)
        }
        thread?.stop()
        return owesNothing
    }

    // MARK: Handles

    func open(
        _ endpoint: backplane_string_t, _ flags: UInt32, of host: UnsafePointer<backplane_host_t>,
        output: UnsafeMutablePointer<backplane_handle_t>
    ) -> backplane_status_t {
        guard let name = unsafe PluginInput.text(endpoint) else { return invalid() }
        let waits = flags & UInt32(BACKPLANE_HANDLE_MISSING_OK) != 0
        guard waits || endpoints.hasEndpoint(named: name) else {
            return backplane_status_t(BACKPLANE_STATUS_NOT_FOUND)
        }
        let id = state.withLockedValue { state in
            state.lastID += 1
            state.open[state.lastID] = OpenHandle(endpoint: name, waitsForEndpoint: waits)
            return state.lastID
        }
        unsafe output.pointee = backplane_handle_t(host: host, id: id)
        return backplane_status_t(BACKPLANE_STATUS_OK)
    }

    func close(_ handle: backplane_handle_t) {
        let wasOpen = state.withLockedValue { unsafe $0.open.removeValue(forKey: handle.id) != nil }
        if !wasOpen { violations.record(.closedHandle) }
    }

    // MARK: Calls

    /// Calls, and runs `onResponse` on this thread when the response is there.
    func call(
        _ handle: backplane_handle_t, _ passed: UnsafePointer<backplane_handle_request_t>,
        _ onResponse: OnResponse, _ context: UnsafeMutableRawPointer?
    ) -> backplane_status_t {
        guard let (request, isInline) = unsafe read(passed, for: handle) else { return invalid() }
        guard !isInline, endpoints.isOnWaitingThread else {
            return backplane_status_t(BACKPLANE_STATUS_FAILED_PRECONDITION)
        }
        let arrived = DispatchSemaphore(value: 0)
        let answer = NIOLockedValueBox<Result<CallResponse, CallFailure>?>(nil)
        endpoints.begin(request) { result in
            answer.withLockedValue { $0 = result }
            arrived.signal()
        }
        arrived.wait()
        unsafe ResponseStruct.with(answer.withLockedValue { $0! }) {
            unsafe onResponse(context, $0)
        }
        return backplane_status_t(BACKPLANE_STATUS_OK)
    }

    /// Calls, and runs `onResponse` on the library's own thread for responses.
    func start(
        _ handle: backplane_handle_t, _ passed: UnsafePointer<backplane_handle_request_t>,
        _ onResponse: @escaping OnResponse, _ context: UnsafeMutableRawPointer?
    ) -> backplane_status_t {
        guard var (request, _) = unsafe read(passed, for: handle) else { return invalid() }
        // Not on this thread, which wants to go on; and two INLINE methods that start each other would fill its stack.
        request.mayRunInline = false
        state.withLockedValue { $0.owedCalls += 1 }
        let callback = unsafe Callback(function: onResponse, context: context)
        endpoints.begin(request) { [self] result in
            runOnCallbackThread { [self] in
                callback.run(result)
                paid()
            }
        }
        return backplane_status_t(BACKPLANE_STATUS_OK)
    }

    private func runOnCallbackThread(_ job: @escaping @Sendable () -> Void) {
        // Under the lock, so that a thread which is being stopped gets nothing behind its stop.
        state.withLockedValue { state in
            let thread =
                state.callbackThread
                ?? SerialThread(name: "answers", running: PluginActivity(of: violations.logger))
            thread.submit(job)
            // A response that comes after the library's end: it is mapped as long as this is owed.
            if state.isRetired { thread.stop() } else { state.callbackThread = thread }
        }
    }

    private func paid() {
        state.withLockedValue { $0.owedCalls -= 1 }
    }

    // MARK: Reading what the plugin passed

    /// The request, and whether the parent's method is inline; nil when something in it can't be used.
    private func read(
        _ pointer: UnsafePointer<backplane_handle_request_t>, for handle: backplane_handle_t
    ) -> (HandleRequest, isInline: Bool)? {
        guard UInt(bitPattern: pointer) != 0,
            let passed = unsafe backplane_handle_request_t.copy(pointer)
        else { return nil }
        // First, so that the object is released whatever comes.
        let native = unsafe nativeObject(passed)
        guard let target = state.withLockedValue({ unsafe $0.open[handle.id] }),
            unsafe PluginInput.text(passed.native.type) != nil
        else { return nil }
        var request = HandleRequest(endpoint: target.endpoint)
        request.waitsForEndpoint = target.waitsForEndpoint
        request.native = native
        var isInline = false
        if let parent = unsafe passed.parent {
            guard unsafe parent.pointee.host == handle.host,
                let found = unsafe calls.find(parent.pointee.id)
            else { return nil }
            request.parent = found.call
            isInline = found.isInline
        }
        guard let method = unsafe PluginInput.text(passed.method_name) else { return nil }
        if !method.isEmpty { request.method = method }
        if unsafe passed.timeout_ns > 0 {
            request.timeout = unsafe .nanoseconds(Int64(clamping: passed.timeout_ns))
        }
        if unsafe passed.flags & UInt32(BACKPLANE_HANDLE_FORWARD) != 0 {
            guard let parent = request.parent else { return nil }
            request.argument = parent.argument
            request.contentType = parent.contentType
            request.forwarded = parent.makeMetadata()
            request.native = parent.native
            return (request, isInline)
        }
        return unsafe readMembers(passed, into: &request) ? (request, isInline) : nil
    }

    private func readMembers(
        _ passed: backplane_handle_request_t, into request: inout HandleRequest
    ) -> Bool {
        guard let body = unsafe PluginInput.body(passed.body),
            let contentType = unsafe PluginInput.text(passed.content_type),
            HTTPText.isFieldContent(contentType),
            let httpMethod = unsafe PluginInput.text(passed.http_method),
            let query = unsafe PluginInput.text(passed.query),
            let shardKey = unsafe PluginInput.text(passed.shard_key),
            let headers = unsafe PluginInput.headers(passed.headers, count: passed.header_count)
        else { return false }
        request.argument = body
        request.contentType = contentType
        if !httpMethod.isEmpty { request.httpMethod = httpMethod }
        request.query = query
        request.shardKey = shardKey
        request.headers = headers.map { ($0.name.lowercased(), $0.value) }
        return true
    }

    /// The native object, which tells the plugin when it is not used any more.
    private func nativeObject(_ passed: backplane_handle_request_t) -> NativeObject? {
        guard unsafe passed.native.type.size > 0 else { return nil }
        guard let release = unsafe passed.release_native else {
            return unsafe PluginInput.text(passed.native.type).map {
                unsafe NativeObject(type: $0, address: passed.native.object, onRelease: {})
            }
        }
        state.withLockedValue { $0.owedCalls += 1 }
        let owed = unsafe Release(function: release, object: passed.native.object)
        // A type that can't be read is still an object to be released.
        return unsafe NativeObject(
            type: PluginInput.text(passed.native.type) ?? "", address: passed.native.object
        ) { [self] in
            PluginActivity(of: violations.logger).run { owed.run() }
            paid()
        }
    }

    private func invalid() -> backplane_status_t {
        violations.record(.invalidStruct)
        return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
    }
}

/// A plugin's callback for a response, with what it is to be passed.
@safe private struct Callback: @unchecked Sendable {
    // Sendable: the plugin declares the function [any-thread], and the context is the plugin's.
    let function: PluginHandles.OnResponse
    let context: UnsafeMutableRawPointer?

    func run(_ result: Result<CallResponse, CallFailure>) {
        unsafe ResponseStruct.with(result) { unsafe function(context, $0) }
    }
}

/// A plugin's function that takes a native object back.
@safe private struct Release: @unchecked Sendable {
    // Sendable: the plugin declares the function [any-thread], and the object is the plugin's.
    let function: @convention(c) (UnsafeRawPointer?) -> Void
    let object: UnsafeRawPointer?

    func run() { unsafe function(object) }
}
