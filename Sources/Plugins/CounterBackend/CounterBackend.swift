// counter - the example plugin in Swift: the StatefulProcessor of Ray Serve's FAQ.
//
//     class StatefulProcessor:
//         def __init__(self): self.count = 1
//         def __call__(self, request): return {"current": self.count}
//         def other_method(self, inc): self.count += inc; return True
//
// It shows what a plugin with state needs: `create` and `destroy`, an instance of its own, and the state extension, so
// that the count survives a reload. The contract is in backplane_plugin.h.

internal import Foundation
public import PluginABI

/// One replica's state. The host never runs two functions of one instance at once (the plugin doesn't call itself
/// re-entrant), so the count needs no lock.
private final class Counter {
    /// Where the count begins, and goes back to with `reset`.
    var start: Int64
    var count: Int64

    init(start: Int64) {
        self.start = start
        count = start
    }
}

/// The backend's `user_config`: `{"start": 100}`, or nothing.
private struct Configuration: Decodable {
    var start: Int64?

    static func start(_ userConfig: String) throws -> Int64 {
        try JSONDecoder().decode(Configuration?.self, from: Data(userConfig.utf8))?.start ?? 1
    }
}

// MARK: What the plugin offers

/// The one symbol that the host looks up.
@c(backplane_plugin_entry)
public func entry() -> UnsafePointer<backplane_plugin_t>? {
    unsafe plugin
}

#if COUNTER_NEXT_VERSION
private let version = "1.1.0"
#else
private let version = "1.0.0"
#endif

// The host reads the descriptor and the tables as long as the library is mapped: they are never freed.
nonisolated(unsafe) private let plugin: UnsafePointer<backplane_plugin_t> = unsafe immortal([
    backplane_plugin_t(
        magic: BACKPLANE_MAGIC,
        struct_size: UInt32(MemoryLayout<backplane_plugin_t>.size),
        abi_major: UInt16(BACKPLANE_ABI_MAJOR),
        abi_minor: UInt16(BACKPLANE_ABI_MINOR),
        traits: 0,
        name: immortal("counter"),
        version: immortal(version),
        description: immortal("Counts: the StatefulProcessor of Ray Serve's FAQ."),
        methods: methods,
        method_count: 3,
        method_size: UInt32(MemoryLayout<backplane_method_t>.stride),
        load: nil,
        unload: nil,
        create: { _, arguments, instance, error in
            unsafe configured(arguments.pointee.user_config, error) { start in
                let counter = Counter(start: start)
                // `destroy` gives up what is retained here.
                unsafe instance!.pointee = OpaquePointer(Unmanaged.passRetained(counter).toOpaque())
            }
        },
        destroy: { instance in
            unsafe Unmanaged<Counter>.fromOpaque(UnsafeRawPointer(instance!)).release()
        },
        reconfigure: { instance, userConfig, error in
            // The count stays; it is `reset` that goes back to the new start.
            unsafe configured(userConfig, error) { unsafe counter(instance).start = $0 }
        },
        get_extension: { identifier in
            unsafe String(cString: identifier) == BACKPLANE_EXTENSION_STATE
                ? UnsafeRawPointer(stateExtension) : nil
        })
])

// A C function can't capture anything, so each method is a closure of its own around a Swift function.
nonisolated(unsafe) private let methods: UnsafePointer<backplane_method_t> = unsafe immortal([
    method("__call__", "Answers the count, as {\"current\": n}.") { instance, calls, _ in
        unsafe run(current, instance, calls)
    },
    method("other_method", "Adds the number in the body to the count; answers true.") {
        instance, calls, _ in unsafe run(add, instance, calls)
    },
    method("reset", "Sets the count back to its start; answers true.") { instance, calls, _ in
        unsafe run(reset, instance, calls)
    },
])

nonisolated(unsafe) private let stateExtension: UnsafePointer<backplane_state_extension_t> =
    unsafe immortal([
        backplane_state_extension_t(
            struct_size: UInt32(MemoryLayout<backplane_state_extension_t>.size),
            reserved: 0,
            save: { instance, sink, _ in
                // Decimal text, which any later version of the plugin can read.
                var text = unsafe String(counter(instance).count)
                return text.withUTF8 { utf8 in
                    unsafe sink.pointee.write(
                        sink, backplane_bytes_t(data: utf8.baseAddress, size: UInt64(utf8.count)))
                }
            },
            restore: { instance, state, error in
                let text = unsafe string(state)
                guard let count = Int64(text) else {
                    return unsafe failure(error, "the state is no whole number: \(text.prefix(40))")
                }
                unsafe counter(instance).count = count
                return backplane_status_t(BACKPLANE_STATUS_OK)
            })
    ])

// MARK: The methods

private enum Response {
    case json(String)
    case invalid(String)
}

private func current(_ counter: Counter, _ body: String) -> Response {
    .json("{\"current\":\(counter.count)}")
}

private func add(_ counter: Counter, _ body: String) -> Response {
    guard let increment = Int64(body) else {
        return .invalid("the body is \"\(body.prefix(40))\": send a whole number, such as 5")
    }
    let (sum, overflow) = counter.count.addingReportingOverflow(increment)
    guard !overflow else { return .invalid("the count would leave the range of 64 bits") }
    counter.count = sum
    return .json("true")
}

private func reset(_ counter: Counter, _ body: String) -> Response {
    counter.count = counter.start
    return .json("true")
}

// MARK: From C and back

private typealias Invoke =
    @convention(c) (OpaquePointer?, UnsafePointer<backplane_call_t>, UInt32) -> Void

private func method(
    _ name: String, _ description: String, _ invoke: Invoke
) -> backplane_method_t {
    unsafe backplane_method_t(
        name: immortal(name), description: immortal(description), flags: 0, preferred_batch_size: 0,
        invoke: invoke, signature: nil, function: nil)
}

/// Runs a method on the one call there is (no method here is batchable) and finishes the call.
private func run(
    _ method: (Counter, String) -> Response, _ instance: OpaquePointer?,
    _ calls: UnsafePointer<backplane_call_t>
) {
    let call = unsafe calls[0]
    switch unsafe method(counter(instance), string(call.request.pointee.body)) {
    case .json(let text): unsafe backplane_finish_text(call, "application/json", text)
    case .invalid(let message):
        unsafe backplane_fail(
            call, backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT), message)
    }
}

private func counter(_ instance: OpaquePointer?) -> Counter {
    unsafe Unmanaged<Counter>.fromOpaque(UnsafeRawPointer(instance!)).takeUnretainedValue()
}

private func string(_ bytes: backplane_bytes_t) -> String {
    unsafe String(
        decoding: UnsafeBufferPointer(start: bytes.data, count: Int(bytes.size)), as: UTF8.self)
}

/// Reads a `user_config`, and does what is to be done with it.
private func configured(
    _ userConfig: backplane_string_t, _ error: UnsafeMutablePointer<backplane_error_t>,
    _ body: (_ start: Int64) -> Void
) -> backplane_status_t {
    let text = unsafe String(
        decoding: UnsafeRawBufferPointer(start: userConfig.data, count: Int(userConfig.size)),
        as: UTF8.self)
    guard let start = try? Configuration.start(text) else {
        return unsafe failure(
            error, "the user_config is \(text.prefix(40)): give it a start, {\"start\": 100}")
    }
    body(start)
    return backplane_status_t(BACKPLANE_STATUS_OK)
}

/// Says why a lifecycle function fails, in the host's memory.
private func failure(
    _ error: UnsafeMutablePointer<backplane_error_t>, _ message: String
) -> backplane_status_t {
    let target = unsafe UnsafeMutableBufferPointer(
        start: error.pointee.message, count: Int(error.pointee.capacity))
    let text = message.utf8.prefix(target.count - 1).map { CChar(bitPattern: $0) } + [0]
    _ = unsafe target.update(fromContentsOf: text)
    return backplane_status_t(BACKPLANE_STATUS_INVALID_ARGUMENT)
}

private func immortal<Value>(_ values: [Value]) -> UnsafePointer<Value> {
    let memory = UnsafeMutableBufferPointer<Value>.allocate(capacity: values.count)
    _ = unsafe memory.initialize(from: values)
    return unsafe UnsafePointer(memory.baseAddress!)
}

private func immortal(_ text: String) -> UnsafePointer<CChar> {
    unsafe immortal(Array(text.utf8CString))
}
