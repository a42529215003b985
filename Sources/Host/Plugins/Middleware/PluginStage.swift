package import HostCore
package import NIOCore
internal import PluginABI

/// One place in a chain, made by the plugin's `create`; destroyed when nothing refers to it any more, which means that
/// all requests that came to it are over.
@safe package final class PluginStage: @unchecked Sendable {
    // Sendable: the pointer is never followed here, only handed back to the plugin, whose functions may be called from
    // any thread.
    package let generation: PluginGeneration
    private let functions: backplane_middleware_extension_t
    private let table: NextTable
    private let pointer: OpaquePointer?
    private let activity: PluginActivity

    /// Whether it wants the body of requests.
    package var readsBody: Bool {
        functions.flags & UInt32(BACKPLANE_MIDDLEWARE_READS_BODY) != 0
    }
    /// Whether it may decide requests later.
    package var isAsync: Bool {
        functions.flags & UInt32(BACKPLANE_MIDDLEWARE_ASYNC) != 0
    }
    package var seesHead: Bool { unsafe functions.on_response != nil }
    package var seesBody: Bool { unsafe functions.on_response_body != nil }
    /// Whether it is told anything of responses.
    package var followsResponses: Bool { unsafe seesHead || seesBody || functions.on_end != nil }

    /// Runs the plugin's `create`. The generation's ``LiveStages`` has been entered, and is left if this throws.
    /// [lifecycle]
    ///
    /// - Parameters:
    ///   - backend: the tag of the backend that it is around; empty: it is around all of them.
    ///   - options: JSON.
    fileprivate init(
        of generation: PluginGeneration, backend: String, options: String
    ) throws(PluginError) {
        let functions = generation.extensions[.middleware]!
        var stage: OpaquePointer?
        if let create = unsafe functions.create {
            do throws(PluginError) {
                unsafe try LifecycleError.check("create of a stage") { error in
                    unsafe ResponseStruct.withStrings([backend, options]) { strings in
                        var arguments = unsafe backplane_stage_args_t(
                            struct_size: UInt32(MemoryLayout<backplane_stage_args_t>.size),
                            reserved: 0, backend: strings[0], options: strings[1])
                        return unsafe create(generation.host.pointer, &arguments, &stage, error)
                    }
                }
            } catch {
                generation.stages.leave()
                throw error
            }
        }
        self.generation = generation
        activity = PluginActivity(
            of: generation.violations.logger, backend: backend.isEmpty ? nil : backend)
        self.functions = functions
        table = generation.passageTable!
        unsafe pointer = stage
    }

    deinit {
        let end = unsafe StageEnd(destroy: functions.destroy, stage: pointer)
        // Holds the generation until its code has run.
        generation.stages.thread.submit { [generation] in
            end.run()
            generation.stages.leave()
        }
    }

    // MARK: Requests

    /// Lets a request in. ``leave(_:)`` is owed for it.
    ///
    /// - Returns: its id; nil: there are too many in the library.
    package func enter(_ next: any PluginStageInvocation) -> UInt64? {
        generation.context.invocations.enter(next)
    }

    /// The plugin has nothing to do with the request any more.
    package func leave(_ id: UInt64) {
        generation.context.invocations.leave(id)
    }

    /// The plugin let go of a request that it owed a decision, or took too long for it.
    package func recordUndecided() {
        generation.violations.record(.leftUndecided)
    }

    /// Runs `body`, which calls the functions below, on a thread of the library: where they may not run as things are.
    package func runOnOwnThread(_ body: @escaping @Sendable () -> Void) {
        generation.stages.requestThread.submit(body)
    }

    package func onRequest(_ id: UInt64, _ metadata: CallMetadata, body: ByteBuffer?) {
        let memory = CallMemory()
        let request = unsafe memory.metadataPointer { metadata }
        activity.run {
            if let body {
                unsafe Self.withBytes(of: body) { bytes in
                    var bytes = unsafe bytes
                    unsafe functions.on_request!(pointer, table.value(id), request, &bytes)
                }
            } else {
                unsafe functions.on_request!(pointer, table.value(id), request, nil)
            }
        }
        withExtendedLifetime(memory) {}
    }

    /// - Parameter isError: whether the host writes the body.
    package func onResponse(
        _ id: UInt64, _ context: PassageContext, status: Int, contentType: String,
        headers: [(name: String, value: String)], isError: Bool
    ) {
        guard let onResponse = unsafe functions.on_response else { return }
        unsafe ResponseStruct.withStrings([contentType], headers) { strings, headers in
            var head = unsafe backplane_response_head_t(
                struct_size: UInt32(MemoryLayout<backplane_response_head_t>.size),
                http_status: Int32(status), content_type: strings[0],
                headers: headers.baseAddress, header_count: UInt64(headers.count),
                is_error: isError ? 1 : 0, reserved: 0)
            activity.run { unsafe onResponse(pointer, table.value(id), context.pointer, &head) }
        }
    }

    package func onResponseBody(
        _ id: UInt64, _ context: PassageContext, _ piece: ByteBuffer, isLast: Bool
    ) {
        guard let onResponseBody = unsafe functions.on_response_body else { return }
        unsafe Self.withBytes(of: piece) { bytes in
            activity.run {
                unsafe onResponseBody(
                    pointer, table.value(id), context.pointer, bytes, isLast ? 1 : 0)
            }
        }
    }

    package func onEnd(_ context: PassageContext, _ status: StatusCode) {
        activity.run { unsafe functions.on_end?(pointer, context.pointer, status.rawValue) }
    }

    private static func withBytes(of buffer: ByteBuffer, _ body: (backplane_bytes_t) -> Void) {
        unsafe buffer.withUnsafeReadableBytes { bytes in
            unsafe body(
                backplane_bytes_t(
                    data: bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
                    size: UInt64(bytes.count)))
        }
    }
}

/// A plugin's function that frees a stage.
@safe private struct StageEnd: @unchecked Sendable {
    // Sendable: run once, on the thread that the function was promised.
    let destroy: (@convention(c) (OpaquePointer?) -> Void)?
    let stage: OpaquePointer?

    func run() { unsafe destroy?(stage) }
}

extension PluginGeneration {
    /// Whether chains may name the plugin.
    package var offersMiddleware: Bool { extensions[.middleware] != nil }

    /// Makes a stage. Requires ``offersMiddleware``.
    ///
    /// - Parameters:
    ///   - backend: the tag of the backend that it is around; empty: it is around all of them.
    ///   - options: JSON.
    /// - Throws: ``PluginError`` with the plugin's message, or with the code `timedOut`.
    package func makeStage(
        backend: String, options: String, within timeout: Duration
    ) async throws(PluginError) -> PluginStage {
        stages.enter()
        // One that comes late is let go, and so destroyed.
        return try await stages.thread.perform("create of a stage", timeout: timeout) {
            () throws(PluginError) in
            try PluginStage(of: self, backend: backend, options: options)
        }
    }

    /// Waits until all stages are destroyed; to be called when no more are made.
    ///
    /// - Throws: ``PluginError`` with the code `timedOut`.
    package func stagesAreGone(within timeout: Duration) async throws(PluginError) {
        let gone = Promise<Void>()
        stages.whenEmpty { gone.fulfil() }
        guard await gone.isFulfilled(within: timeout) else {
            throw .timedOut("the last request at a middleware stage", after: timeout)
        }
    }
}
