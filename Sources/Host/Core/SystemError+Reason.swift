internal import Foundation
internal import NIOCore
internal import NIOPosix

extension SystemError {
    /// Why something failed, in words for people: SwiftNIO and Foundation describe their errors for programmers. An
    /// error that says it in a line itself is taken at its word.
    package static func reason(of error: any Error) -> String {
        reasonOfForeign(error) ?? oneLine("\(error)")
    }

    /// The same, for errors of SwiftNIO and Foundation; nil: it is another one.
    package static func reasonOfForeign(_ error: any Error) -> String? {
        switch error {
        case let error as IOError: text(error.errnoCode)
        case let error as SocketAddressError.UnknownHost: "no address is known for \(error.host)"
        case let error as SocketAddressError: reason(of: error)
        case let error as NIOConnectionError: reason(of: error)
        case is ChannelError: "the connection failed"
        case let error as POSIXError: text(error.code.rawValue)
        case let error as CocoaError: reason(of: error)
        default: nil
        }
    }

    private static func reason(of error: SocketAddressError) -> String {
        switch error {
        case .unixDomainSocketPathTooLong: "the path is too long for a Unix socket"
        case .failedToParseIPString(let text): "\(text) is no IP address"
        default: "there is no such address, or none of a kind that can be used"
        }
    }

    private static func reason(of error: NIOConnectionError) -> String {
        if let last = error.connectionErrors.last { return reason(of: last.error) }
        if error.dnsAError != nil || error.dnsAAAAError != nil {
            return "no address is known for \(error.host)"
        }
        return "no connection to \(error.host):\(error.port)"
    }

    private static func reason(of error: CocoaError) -> String {
        switch unsafe error.userInfo[NSUnderlyingErrorKey] {
        case let underlying as POSIXError: text(underlying.code.rawValue)
        case let underlying as NSError where underlying.domain == NSPOSIXErrorDomain:
            text(CInt(underlying.code))
        default: oneLine(error.localizedDescription)
        }
    }

    private static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }
}
