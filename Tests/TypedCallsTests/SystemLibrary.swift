import HostTypedCalls
import NIOCore
import Testing

#if canImport(Glibc)
import Glibc
#endif

/// A library that knows nothing of Backplane, with its functions by name.
struct SystemLibrary: @unchecked Sendable {
    // Sendable: the handle is constant, and the library stays mapped.
    private let handle: UnsafeMutableRawPointer

    init(_ path: String) throws {
        handle = try #require(dlopen(path, RTLD_NOW | RTLD_LOCAL), "\(path) is not there")
    }

    func function(
        _ name: String, _ signature: String, types: NamedTypes = NamedTypes(),
        errorForm: ErrorForm? = nil
    ) throws -> TypedFunction {
        let address = try #require(dlsym(handle, name), "no function \(name)")
        return try TypedFunction(
            try Signature(parsing: signature, types: types), named: name, at: address,
            errorForm: errorForm, find: { dlsym(handle, $0) })
    }
}

extension TypedFunction {
    /// The answer to a body, as text; of a failure its status and message.
    func answer(
        _ body: String, contentType: String = "application/json", query: String = "",
        instance: UnsafeMutableRawPointer? = nil
    ) -> String {
        let result = call(
            body: ByteBuffer(string: body), contentType: contentType, query: { query },
            instance: instance)
        switch result {
        case .success(let answer): return String(buffer: answer.body)
        case .failure(let failure): return "\(failure.status) \(failure.message)"
        }
    }
}
