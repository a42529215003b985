import HostCore
import Testing

@Suite struct TrustedHostStageTests {
    private static let options = """
        - trusted-host:
            allowed_hosts: [example.com, "*.example.org", 10.0.0.1, "[::1]", "[2001:DB8::0:1]"]
        """

    @Test(
        "a request for one of the names goes on",
        arguments: [
            "example.com", "EXAMPLE.com", "example.com:8000", "example.com:", "example.com.",
            "a.example.org", "a.b.example.org:443", "A.Example.ORG", "10.0.0.1", "10.0.0.1:80",
            "[::1]", "[::1]:8000", "[0:0:0:0:0:0:0:1]", "[2001:db8:0:0::1]",
        ])
    func allowed(host: String) throws {
        let trial = try StageTrial(Self.options)
        #expect(trial.send(.make([("Host", host)])).status == 200)
    }

    @Test(
        "a request for another name is refused with 400",
        arguments: [
            "", "example.net", "a.example.com", "example.com.evil", "evilexample.com",
            "example.org", ".example.org", "evil-example.org", "10.0.0.10", "[::2]", "[::1",
            "::1", "[::1]x", "[::1%25eth0]", "example.com:80:80", "example.com:http",
            "example.com@evil", "*", "*.example.org", "example.com/", "[]", "[example.com]",
        ])
    func refused(host: String) throws {
        let trial = try StageTrial(Self.options)
        let answer = trial.send(.make([("Host", host)])) { _, _ in
            Issue.record("\(host) came through")
        }
        #expect(answer.status == 400)
    }

    @Test("a request without a host, or with two, is refused")
    func count() throws {
        let trial = try StageTrial(Self.options)
        #expect(trial.send(.make([])).status == 400)
        let host = ("Host", "example.com")
        #expect(trial.send(.make([host, host])).status == 400)
    }

    @Test("any name is one that doesn't matter")
    func any() throws {
        let trial = try StageTrial(#"- trusted-host: {allowed_hosts: ["*"]}"#)
        #expect(trial.send(.make([("Host", "example.net")])).status == 200)
    }

    @Test("a handle's call goes on: it is for no host")
    func handle() throws {
        let trial = try StageTrial(Self.options)
        #expect(trial.send(.make("POST", "/echo", [], origin: .handle)).status == 200)
    }

    @Test(
        "what is no host is refused with its place",
        arguments: [
            ("- trusted-host", "it must be a mapping"),
            ("- trusted-host: {}", "[0].trusted-host.allowed_hosts is missing"),
            (
                "- trusted-host: {allowed_hosts: ['example.com:80']}",
                "1:34: [0].trusted-host.allowed_hosts[0] is \"example.com:80\": it must be a host"
            ), ("- trusted-host: {allowed_hosts: ['a.*.com']}", "it must be a host without a port"),
            ("- trusted-host: {allowed_hosts: ['::1']}", "it must be a host without a port"),
            ("- trusted-host: {allowed_hosts: ['https://a']}", "it must be a host without a port"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
