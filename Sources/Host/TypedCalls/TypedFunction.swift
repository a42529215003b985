internal import CLibFFI
package import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// A C function that can be called with JSON: its signature and the plan made of it.
///
/// It has no state of its own: several threads may call it at once, if the C function allows that.
package final class TypedFunction: Sendable {
    package var name: String { plan.name }
    package var signature: Signature { plan.signature }
    private let plan: FunctionPlan

    /// - Parameters:
    ///   - name: the function's, for messages.
    ///   - address: the function's, which must stay as long as this.
    ///   - errorForm: what `error` is in C; nil: there is none.
    ///   - find: finds the functions that the signature names, in the same library.
    /// - Throws: ``SignatureError`` when one isn't there, or libffi can't call such a function.
    package init(
        _ signature: Signature, named name: String, at address: UnsafeMutableRawPointer,
        errorForm: ErrorForm? = nil, find: (String) -> UnsafeMutableRawPointer?
    ) throws(SignatureError) {
        plan = try unsafe FunctionPlan(
            signature, named: name, at: address, errorForm: errorForm, find: find)
    }

    /// Reads the arguments, calls the function on this thread, and writes the response.
    ///
    /// - Parameters:
    ///   - body: must not change meanwhile; the function may be given its bytes.
    ///   - query: percent-encoded; asked for when the body is empty.
    ///   - instance: what `self` is.
    package func call(
        body: ByteBuffer, contentType: String, query: () -> String,
        instance: UnsafeMutableRawPointer?
    ) -> Result<TypedResponse, TypedFailure> {
        unsafe run(body, contentType, query, instance) { frame throws(TypedFailure) in
            try frame.response()
        }
    }

    /// The same for a function that makes an instance, which is what comes back. Requires ``Signature/makesInstance``.
    package func makeInstance(
        body: ByteBuffer = ByteBuffer(), contentType: String = "application/json"
    ) -> Result<UnsafeMutableRawPointer, TypedFailure> {
        precondition(signature.makesInstance)
        return unsafe run(body, contentType, { "" }, nil) { frame throws(TypedFailure) in
            guard let instance = unsafe frame.newInstance else {
                throw .broken("\(self.plan.name)() made no instance: it is NULL")
            }
            return unsafe instance
        }
    }

    private func run<Value>(
        _ body: ByteBuffer, _ contentType: String, _ query: () -> String,
        _ instance: UnsafeMutableRawPointer?,
        _ answer: (borrowing CallFrame) throws(TypedFailure) -> Value
    ) -> Result<Value, TypedFailure> {
        unsafe body.withUnsafeReadableBytes { bytes in
            unsafe withUnsafeTemporaryAllocation(
                byteCount: CallFrame.size(plan), alignment: 16
            ) { block in
                var frame = unsafe CallFrame(plan, in: block)
                do throws(ArgumentError) {
                    try unsafe frame.readArguments(
                        InputBytes(bytes), contentType: contentType, query: query)
                    try unsafe frame.prepare(instance: instance)
                } catch {
                    return .failure(.invalidArgument(error.description))
                }
                let readsErrno = plan.signature.result.check?.readsErrno ?? false
                if readsErrno { errno = 0 }
                frame.call()
                let code = readsErrno ? errno : 0
                defer { frame.release() }
                if let failure = frame.failure(errno: code) { return .failure(failure) }
                do throws(TypedFailure) {
                    return .success(try answer(frame))
                } catch {
                    return .failure(error)
                }
            }
        }
    }
}

/// What a typed call answers.
package struct TypedResponse: Sendable {
    package var body: ByteBuffer
    /// Empty for an empty response.
    package var contentType: String

    package init(body: ByteBuffer, contentType: String) {
        self.body = body
        self.contentType = contentType
    }
}
