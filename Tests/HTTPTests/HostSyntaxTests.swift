import Testing

@testable import HostHTTP

@Suite struct HostSyntaxTests {
    @Test(
        "a host is a name or an address, with or without a port",
        arguments: [
            "a", "a:80", "a:", "a:0", "a:65535", "a:00080", "127.0.0.1", "127.0.0.1:8000",
            "256.1.1.1",
            "example.com.", "EXAMPLE.com", "a_b", "a%41", "a!$&'()*+,;=~", "[::1]", "[::1]:80",
            "[::1]:", "[::]", "[1:2:3:4:5:6:7:8]", "[::ffff:1.2.3.4]", "[v1.a]", "[vF.a:b]:1",
        ])
    func valid(host: String) {
        #expect(HostSyntax.isHostAndPort(host))
    }

    @Test(
        "anything else is none",
        arguments: [
            "", ":80", ":", "[::1", "::1", "a:b", "a:b:c", "a:80:80", "a:-1", "a:+1", "a:65536",
            "a:99999999999999999999", "a%zz", "a%4", "a%", "a b", "a/", "a?", "a#", "a@b", "me@a",
            "[]", "[::1]80", "[::1]x", "[::1]:x", "[a]", "[1.2.3.4]", "[::1%25eth0]", "[::1%eth0]",
            "[1::2::3]", "[1:2:3:4:5:6:7:8:9]", "[12345::]", "[v.a]", "[v1.]", "[v1]", "[vg.a]",
            "[v1.a/]", "a[", "]", "[[::1]]", "a\u{0}", "\u{E9}", "a\t", "\"a\"", "a\\b", "<a>",
            "a|b",
        ])
    func invalid(host: String) {
        #expect(!HostSyntax.isHostAndPort(host))
    }
}
