internal import HostCore
internal import NIOCore

/// Who a request comes from, for counting: an IPv4 address, or the network of an IPv6 one.
///
/// A client has all addresses of its IPv6 network (the first 64 bits) for itself, and could take another one for each
/// request.
enum ClientAddress {
    /// - Parameters:
    ///   - proxies: how many in front of the host are trusted: each has added the address that it saw to the header.
    ///   - header: in lower case, such as `x-forwarded-for`.
    /// - Returns: nil for a handle's call.
    static func of(_ request: Request, behind proxies: Int, header: String) -> String? {
        guard let peer = request.remoteAddress else { return nil }
        if proxies > 0, let forwarded = forwarded(request.headers, header, proxies) {
            return forwarded
        }
        return text(of: peer)
    }

    /// The address that the outermost trusted proxy saw. What stands before it, anybody may have written.
    private static func forwarded(
        _ headers: HeaderFields, _ header: String, _ proxies: Int
    ) -> String? {
        let addresses = headers[header].flatMap { HTTPText.elements(of: $0) }
        guard addresses.count >= proxies else { return nil }
        return parse(addresses[addresses.count - proxies])
    }

    /// - Parameter text: an address, with or without a port: `192.0.2.1:80`, `[2001:db8::1]:80`, `2001:db8::1`.
    static func parse(_ text: Substring) -> String? {
        var host = text
        if host.first == "[", let end = host.firstIndex(of: "]") {
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: ":"), host.lastIndex(of: ":") == colon {
            host = host[..<colon]
        }
        guard host.utf8.count <= 64,
            let address = try? SocketAddress(ipAddress: String(host), port: 0)
        else { return nil }
        return Self.text(of: address)
    }

    private static func text(of address: SocketAddress) -> String? {
        guard case .v6(let address) = address else { return address.ipAddress ?? "unix" }
        // Past the family, the port and the flow.
        let bytes = unsafe withUnsafeBytes(of: address.address) { unsafe Array($0[8..<24]) }
        // ::ffff:192.0.2.1 is 192.0.2.1.
        if bytes[..<10].allSatisfy({ $0 == 0 }), bytes[10] == 0xFF, bytes[11] == 0xFF {
            return bytes[12...].map { String($0) }.joined(separator: ".")
        }
        return bytes[..<8].map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}
