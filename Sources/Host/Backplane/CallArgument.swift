internal import Foundation
internal import HostCore
public import NIOCore
internal import NIOFoundationCompat

/// What a handle's call passes to the plugin.
public struct CallArgument: Sendable {
    private enum Content {
        case body(ByteBuffer, contentType: String)
        case native(HostCore.NativeObject)
        case request(WebRequest)
        case failure(DispatchError)
    }

    private let content: Content

    /// No body.
    public static let none = CallArgument(content: .body(ByteBuffer(), contentType: ""))

    /// A value as JSON, with sorted keys and the content type `application/json`.
    public static func json(_ value: some Encodable) -> CallArgument {
        do {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            let data = try encoder.encode(value)
            return CallArgument(
                content: .body(ByteBuffer(data: data), contentType: "application/json"))
        } catch {
            return CallArgument(
                content: .failure(
                    DispatchError(
                        .invalidArgument, "the argument can't be encoded as JSON: \(error)",
                        cause: error)))
        }
    }

    /// Fields of a form, as a browser sends them: `application/x-www-form-urlencoded`.
    public static func form(_ fields: KeyValuePairs<String, String>) -> CallArgument {
        CallArgument(
            content: .body(
                ByteBuffer(string: FormEncoding.encode(fields)),
                contentType: "application/x-www-form-urlencoded"))
    }

    /// A text, with the content type `text/plain; charset=utf-8`.
    public static func text(_ text: String) -> CallArgument {
        CallArgument(
            content: .body(ByteBuffer(string: text), contentType: "text/plain; charset=utf-8"))
    }

    /// Bytes as they are.
    public static func bytes(
        _ bytes: some Sequence<UInt8>, contentType: String = "application/octet-stream"
    ) -> CallArgument {
        CallArgument(content: .body(ByteBuffer(bytes: bytes), contentType: contentType))
    }

    /// Bytes as they are, without a copy.
    public static func bytes(
        _ buffer: ByteBuffer, contentType: String = "application/octet-stream"
    ) -> CallArgument {
        CallArgument(content: .body(buffer, contentType: contentType))
    }

    /// An object that the plugin gets as it is, as an address: `get_native` of the extension `backplane.handle/1`. Only
    /// a handle can pass one.
    ///
    /// - Parameters:
    ///   - object: kept alive until the plugin has finished the call. The address is that of the object, as
    ///     `Unmanaged.toOpaque()` returns it.
    ///   - type: tells the plugin what is at the address, such as `com.example.image/1`.
    public static func native(_ object: some AnyObject & Sendable, type: String) -> CallArgument {
        let address = unsafe UnsafeRawPointer(Unmanaged.passUnretained(object).toOpaque())
        return unsafe CallArgument(
            content: .native(
                NativeObject(type: type, address: address) { withExtendedLifetime(object) {} }))
    }

    /// Memory that the plugin gets as it is, as an address.
    ///
    /// - Parameters:
    ///   - address: valid until `release` is called.
    ///   - type: tells the plugin what is at the address, such as `com.example.image/1`.
    ///   - release: called once, on any thread, when the plugin has finished the call.
    @unsafe public static func native(
        at address: UnsafeRawPointer, type: String, release: @escaping @Sendable () -> Void
    ) -> CallArgument {
        unsafe CallArgument(
            content: .native(NativeObject(type: type, address: address, onRelease: release)))
    }

    /// A web request that is passed on: the plugin sees it as it came to the program, and its origin is HTTP. The
    /// handle's own HTTP method and headers, and the query of the call, are not used.
    public static func request(_ request: WebRequest) -> CallArgument {
        CallArgument(content: .request(request))
    }

    // MARK: Into a request

    var failure: DispatchError? {
        if case .failure(let error) = content { error } else { nil }
    }

    func write(into request: inout HandleRequest) {
        switch content {
        case .body(let body, let contentType):
            request.argument = body
            request.contentType = contentType
        case .native(let object): request.native = object
        case .request(let web):
            request.argument = web.body
            request.contentType = web.contentType
            request.forwarded = web.metadata(
                requestID: request.requestID, shardKey: request.shardKey)
        case .failure: break
        }
    }
}
