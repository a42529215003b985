package import NIOCore

extension SocketAddress {
    /// The address as a number, without a port; empty for a Unix socket. An IPv4 address that an IPv6 socket has taken
    /// is an IPv4 address.
    package var numericText: String {
        guard let text = ipAddress else { return "" }
        let mapped = "::ffff:"
        guard text.hasPrefix(mapped), text.utf8.contains(UInt8(ascii: ".")) else { return text }
        return String(text.dropFirst(mapped.count))
    }
}
