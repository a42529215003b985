import HostTypedCalls
import NIOCore

/// C functions that leave their `inout` arguments as they are, so that what was read is what is answered.
enum EchoFunction {
    private static let nothing: @convention(c) (UnsafeRawPointer?, UInt, UInt) -> Void = {
        _, _, _ in
    }
    private static let last:
        @convention(c) (UnsafePointer<UnsafePointer<CChar>?>?, UInt) -> UnsafePointer<CChar>? = {
            strings, count in count == 0 ? nil : strings![Int(count) - 1]
        }

    static func make(_ signature: String) throws -> TypedFunction {
        try TypedFunction(
            try Signature(parsing: signature), named: "echo",
            at: unsafeBitCast(nothing, to: UnsafeMutableRawPointer.self), find: { _ in nil })
    }

    /// The last string of an array as C got it; nil when the array was refused.
    static func lastString(of json: String) -> String? {
        let function = try? TypedFunction(
            try Signature(parsing: "([string]) -> string?"), named: "last",
            at: unsafeBitCast(last, to: UnsafeMutableRawPointer.self), find: { _ in nil })
        let answer = function?.call(
            body: ByteBuffer(string: json), contentType: "application/json", query: { "" },
            instance: nil)
        return (try? answer?.get()).map { String(buffer: $0.body) }
    }
}
