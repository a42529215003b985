internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOCore

/// Refuses requests for hosts of other names, as they come with a forged `Host` or through another's DNS.
final class TrustedHostStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var allowedHosts: [String] = []
    }

    static let kind = MiddlewareKind(
        "trusted-host", "Refuses requests for hosts of other names.",
        .mapping(keys, from: Options(), such: "{allowed_hosts: [example.com]}"), initial: nil
    ) { options, _ in TrustedHostStage(options) }

    private static let keys: [ConfigurationKey<Options>] = [
        .required(
            "allowed_hosts", \.allowedHosts,
            .list(of: pattern, such: "[example.com, \"*.example.com\"]"),
            "The names that requests may be for, without a port; *.example.com: all below it.")
    ]

    private static let pattern = ConfigurationForm<String>.matching(
        #"^(\*\.)?[^*:/\[\]@]+$|^\*$|^\[[0-9A-Fa-f:.]+\]$"#,
        "a host without a port, such as example.com, \"*.example.com\", 10.0.0.1 or \"[::1]\""
    ) {
        $0 == "*"
            || host(of: $0.hasPrefix("*.") ? String($0.dropFirst(2)) : $0, withPort: false) != nil
    }

    private let names: Set<String>
    /// What is below these, each with the point in front.
    private let suffixes: [String]
    private let allowsAny: Bool

    init(_ options: Options) {
        let hosts = options.allowedHosts
        allowsAny = hosts.contains("*")
        let isBelow = { (host: String) in host.hasPrefix("*.") }
        names = Set(hosts.filter { !isBelow($0) }.compactMap { Self.host(of: $0, withPort: false) })
        suffixes = hosts.filter(isBelow).map { $0.dropFirst().lowercased() }
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        // A handle's call is for an endpoint, not for a host.
        guard request.origin == .http, !allowsAny else {
            return next.proceed(request, for: sink)
        }
        let fields = request.headers["host"]
        if fields.count == 1, let host = Self.host(of: fields[0], withPort: true), isAllowed(host) {
            return next.proceed(request, for: sink)
        }
        next.refuse(
            sink,
            with: DispatchError(
                .refused(httpStatus: 400),
                "the request's Host is none of those in trusted-host.allowed_hosts"))
    }

    private func isAllowed(_ host: String) -> Bool {
        names.contains(host)
            || suffixes.contains(where: host.hasSuffix)
    }

    /// A host in the form in which it is compared; nil: it is none.
    ///
    /// Source: RFC 3986, section 3.2.2.
    static func host(of text: String, withPort: Bool) -> String? {
        let end =
            text.hasPrefix("[")
            ? text.utf8.firstIndex(of: UInt8(ascii: "]")).map(text.utf8.index(after:))
            : text.utf8.firstIndex(of: UInt8(ascii: ":")) ?? text.endIndex
        guard let end else { return nil }
        let port = text[end...]
        guard port.isEmpty || withPort && isPort(port) else { return nil }
        var host = text[..<end].lowercased()
        if host.hasPrefix("[") {
            // One address has many forms.
            guard
                case .v6(let address)? = try? SocketAddress(
                    ipAddress: String(host.dropFirst().dropLast()), port: 0)
            else { return nil }
            return "[\(SocketAddress.v6(address).ipAddress ?? "")]"
        }
        // The point at the end of a name says that it is whole.
        if host.hasSuffix(".") { host.removeLast() }
        let isName = !host.isEmpty && !host.hasPrefix(".") && host.utf8.allSatisfy(isNameByte)
        return isName ? host : nil
    }

    private static func isPort(_ text: Substring) -> Bool {
        text.utf8.first == UInt8(ascii: ":")
            && text.utf8.dropFirst().allSatisfy {
                $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9")
            }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "-._~".utf8.contains(byte)
        }
    }
}
