package import HostCore
package import NIOCore

/// A request at a plugin's stage, and its response on the way back: the side of it that a plugin can touch, from any
/// thread and at any time.
package protocol PluginStageInvocation: AnyObject, Sendable {
    func change(_ change: PassageChange) -> PassageVerdict
    func decide(_ decision: PassageDecision) -> PassageVerdict
}

/// What a stage changes; each value can stand in an HTTP message.
package enum PassageChange: Sendable {
    case setHeader(name: String, value: String)
    case addHeader(name: String, value: String)
    case removeHeader(name: String)
    case path(String)
    case query(String)
    case body(ByteBuffer)
}

/// What becomes of a request.
package enum PassageDecision: Sendable {
    case proceed(PassageContext)
    case answer(CallResponse)
    case fail(CallFailure)
}

/// How a change or a decision was taken. Those but ``done`` have changed nothing.
package enum PassageVerdict: Sendable {
    case done
    /// It can't be made, and the plugin could not know.
    case refused
    /// It can't be made with what was passed.
    case invalid
    /// The request is decided already, or nothing of it is to be changed now.
    case outOfTurn
    /// The host has given the request up.
    case tooLate
}

/// What a plugin keeps for a request that it has let go on.
@safe package struct PassageContext: @unchecked Sendable {
    // Sendable: the pointer is the plugin's, never followed here.
    let pointer: UnsafeMutableRawPointer?

    package static let none = unsafe PassageContext(pointer: nil)
}
