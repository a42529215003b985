/// Why a typed call has no response.
package struct TypedFailure: Error, Sendable, Equatable {
    /// By gRPC's number.
    package let status: Int32
    /// What was expected and what came, for the caller.
    package let message: String
    /// Whether the function returned what its signature excludes.
    package let brokeSignature: Bool

    package init(status: Int32, _ message: String, brokeSignature: Bool = false) {
        self.status = status
        self.message = message
        self.brokeSignature = brokeSignature
    }

    static func invalidArgument(_ message: String) -> TypedFailure {
        TypedFailure(status: 3, message)
    }

    static func outOfRange(_ message: String) -> TypedFailure { TypedFailure(status: 11, message) }

    /// The function broke its signature.
    static func broken(_ message: String) -> TypedFailure {
        TypedFailure(status: 13, message, brokeSignature: true)
    }
}
