package import HostCore
internal import HostTypedCalls
internal import Logging
internal import NIOConcurrencyHelpers
internal import PluginABI

/// The state of one replica, made by the plugin's `create`.
///
/// Every function here is [replica-thread]: calls must not overlap, except ``invoke(method:calls:)`` with itself when
/// the plugin is re-entrant. The replica that owns the instance sees to that.
@safe package final class PluginInstance: @unchecked Sendable {
    // Sendable: the pointer is never followed here, only handed back to the plugin, on the threads it was promised.
    package let generation: PluginGeneration
    let pointer: OpaquePointer?
    private let activity: PluginActivity

    /// Runs the plugin's `create`.
    ///
    /// - Parameters:
    ///   - replica: the replica's index in its backend.
    ///   - userConfig: JSON.
    /// - Throws: ``PluginError`` with the plugin's message.
    package init(
        of generation: PluginGeneration, replica: Int, backend: String, userConfig: String
    ) throws(PluginError) {
        self.generation = generation
        activity = generation.activity(backend: backend)
        var instance: OpaquePointer?
        if let adopted = generation.library.adopted {
            unsafe instance = try unsafe OpaquePointer(adopted.makeInstance(userConfig: userConfig))
        }
        if let create = unsafe generation.library.functions.create {
            unsafe try LifecycleError.check("create") { error in
                unsafe Self.withStrings(backend, userConfig) { backend, userConfig in
                    var arguments = unsafe backplane_create_args_t(
                        struct_size: UInt32(MemoryLayout<backplane_create_args_t>.size),
                        replica: UInt32(replica), backend: backend, user_config: userConfig)
                    return unsafe create(generation.host.pointer, &arguments, &instance, error)
                }
            }
        }
        unsafe pointer = instance
    }

    /// Runs the plugin's `destroy`. No call of the instance may be unfinished.
    package func destroy() {
        if let adopted = generation.library.adopted {
            if let failure = unsafe adopted.destroy(UnsafeMutableRawPointer(pointer)) {
                generation.violations.logger.error("the destructor failed: \(failure)")
            }
            return
        }
        unsafe generation.library.functions.destroy?(pointer)
    }

    /// Runs calls of one method. They are finished by the plugin; those that it may not leave open and does are
    /// finished here with INTERNAL.
    ///
    /// - Parameters:
    ///   - method: an index into the descriptor's methods.
    ///   - calls: one call, or several if the method is batchable.
    package func invoke(method: Int, calls: [any PluginCall]) { invoke(method, calls) }

    /// As ``invoke(method:calls:)``, for one call.
    package func invoke(method: Int, call: any PluginCall) { invoke(method, CollectionOfOne(call)) }

    private func invoke(_ method: Int, _ calls: some Collection<any PluginCall>) {
        activity.run {
            switch generation.library.function(of: method) {
            case .invoke(let invoke): unsafe self.invoke(invoke, method, calls)
            case .typed(let function):
                for call in calls { run(function, call) }
            }
        }
    }

    private func invoke(
        _ invoke: PluginLibrary.Invoke, _ method: Int, _ calls: some Collection<any PluginCall>
    ) {
        let description = generation.descriptor.methods[method]
        let registry = generation.context.calls
        let unfinished = unsafe withUnsafeTemporaryAllocation(
            of: backplane_call_t.self, capacity: calls.count
        ) { handed -> [any PluginCall] in
            unsafe registry.enter(
                calls, method: method, isInline: description.isInline,
                host: generation.host.pointer, output: handed)
            unsafe invoke(pointer, UnsafePointer(handed.baseAddress!), UInt32(calls.count))
            return unsafe description.isAsync ? [] : registry.takeUnfinished(handed)
        }
        for call in unfinished {
            generation.violations.record(.leftUnfinished)
            call.finish(
                .failure(
                    CallFailure(
                        .internal,
                        "the plugin returned from \(description.name) without finishing the call")))
        }
    }

    /// Runs one call of a typed method. It needs no place in the registry: the function never sees the call.
    private func run(_ function: TypedFunction, _ call: any PluginCall) {
        // It would work for nobody, and has no way to see that.
        guard !call.isAbandoned else {
            call.finish(.failure(CallFailure(.cancelled, "nobody waits for the answer")))
            return
        }
        let result = unsafe function.call(
            body: call.argument, contentType: call.contentType,
            query: { call.makeMetadata().query }, instance: UnsafeMutableRawPointer(pointer))
        switch result {
        case .success(let answer):
            call.finish(
                .success(CallResponse(body: answer.body, contentType: answer.contentType)))
        case .failure(let failure):
            if failure.brokeSignature { generation.violations.record(.brokenSignature) }
            call.finish(
                .failure(CallFailure(StatusCode(failure: failure.status), failure.message)))
        }
    }

    /// Tells the plugin of a new `user_config`. Requires `takesNewConfiguration`.
    ///
    /// - Throws: ``PluginError`` with the plugin's message; it keeps the old one then.
    package func reconfigure(_ userConfig: String) throws(PluginError) {
        guard let reconfigure = unsafe generation.library.functions.reconfigure else {
            preconditionFailure("reconfigure of a plugin without that function")
        }
        unsafe try LifecycleError.check("reconfigure") { error in
            var text = userConfig
            return text.withUTF8 { unsafe reconfigure(pointer, Self.string($0), error) }
        }
    }

    private static func withStrings<Value>(
        _ first: String, _ second: String,
        _ body: (backplane_string_t, backplane_string_t) -> Value
    ) -> Value {
        var (first, second) = (first, second)
        return first.withUTF8 { first in
            second.withUTF8 { second in
                unsafe body(string(first), string(second))
            }
        }
    }

    private static func string(_ bytes: UnsafeBufferPointer<UInt8>) -> backplane_string_t {
        unsafe backplane_string_t(
            data: UnsafeRawPointer(bytes.baseAddress)?.assumingMemoryBound(to: CChar.self),
            size: UInt64(bytes.count))
    }
}
