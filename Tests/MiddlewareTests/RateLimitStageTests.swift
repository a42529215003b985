import HostCore
import HostPipeline
import Testing

/// The arithmetic is in TokenBucketTests, with a clock of its own: here no rate is fast enough for time to matter.
@Suite struct RateLimitStageTests {
    private static let hourly = "[rate-limit: {rate: 2/1h}]"

    @Test("what is left is told, and what is too much is answered 429")
    func refusal() async throws {
        let stage = try StageTrial(Self.hourly)
        let request = Request.make(from: "192.0.2.1")
        for remaining in [1, 0] {
            let answer = await stage.answer(to: request)
            #expect(answer.status == 200)
            #expect(answer["ratelimit-policy"] == "\"default\";q=2;w=3600")
            #expect(answer["ratelimit"] == "\"default\";r=\(remaining);t=\((2 - remaining) * 1800)")
        }
        let answer = await stage.answer(to: request) { _, _ in Issue.record("it came through") }
        #expect(answer.status == 429)
        #expect(answer["retry-after"] == "1800")
        #expect(answer["ratelimit-policy"] == "\"default\";q=2;w=3600")
        #expect(answer["ratelimit"] == "\"default\";r=0;t=3600")
        #expect(answer.message == "too many requests: send the next one in 1800 s")
        let reading = stage.chain.links[0].meter.reading
        #expect(reading.calls == 3)
        #expect(reading.errors == 1)
    }

    @Test("errors tell what is left, too")
    func errors() async throws {
        let answer = try await StageTrial(Self.hourly).answer(to: .make(from: "192.0.2.1")) {
            _, sink in sink.receive(.failure(DispatchError(.unavailable, "no replica")))
        }
        #expect(answer["ratelimit"] == "\"default\";r=1;t=1800")
    }

    @Test("nothing is told if it is not wanted, but when to come again")
    func silent() async throws {
        let stage = try StageTrial("[rate-limit: {rate: 1/1h, headers: false}]")
        #expect(await stage.answer(to: .make(from: "192.0.2.1")).headers.isEmpty)
        let refusal = await stage.answer(to: .make(from: "192.0.2.1"))
        #expect(refusal.headers.map(\.name) == ["retry-after"])
    }

    struct Pair: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var yaml: String
        var first: Request
        var second: Request
        /// Whether both are one client's.
        var isOne: Bool

        init(
            _ description: String, _ options: String, _ first: Request,
            _ second: Request, isOne: Bool
        ) {
            testDescription = description
            yaml = "[rate-limit: {rate: 1/1h\(options)}]"
            self.first = first
            self.second = second
            self.isOne = isOne
        }
    }

    private static func forwarded(_ value: String..., from address: String = "10.0.0.1")
        -> Request
    {
        .make(with: value.map { ("X-Forwarded-For", $0) }, from: address)
    }

    private static func key(_ value: String?, from address: String = "192.0.2.1")
        -> Request
    {
        .make(with: value.map { [("X-Api-Key", $0)] } ?? [], from: address)
    }

    private static let long = String(repeating: "a", count: 100)

    static let pairs = [
        Pair("two addresses", "", .make(from: "192.0.2.1"), .make(from: "192.0.2.2"), isOne: false),
        Pair(
            "one IPv6 network", "", .make(from: "2001:db8::1"), .make(from: "2001:db8::ffff:1"),
            isOne: true),
        Pair(
            "two IPv6 networks", "", .make(from: "2001:db8::1"), .make(from: "2001:db8:0:1::1"),
            isOne: false),
        Pair(
            "an IPv4 address in IPv6", "", .make(from: "::ffff:192.0.2.1"),
            .make(from: "192.0.2.1"), isOne: true),
        Pair(
            "two IPv4 addresses in IPv6", "", .make(from: "::ffff:192.0.2.1"),
            .make(from: "::ffff:192.0.2.2"), isOne: false),
        Pair("all", ", key: all", .make(from: "192.0.2.1"), .make(from: "192.0.2.2"), isOne: true),
        Pair("all, by a handle", ", key: all", .make(origin: .handle), .make(), isOne: true),
        // Behind proxies.
        Pair(
            "the header of nobody who is trusted", "", forwarded("192.0.2.1"),
            forwarded("192.0.2.2"), isOne: true),
        Pair(
            "behind a proxy", ", trusted_proxies: 1", forwarded("192.0.2.1"),
            forwarded("192.0.2.2"), isOne: false),
        Pair(
            "what a client wrote in front", ", trusted_proxies: 1", forwarded("1.1.1.1, 192.0.2.1"),
            forwarded("2.2.2.2", "192.0.2.1"), isOne: true),
        Pair(
            "behind two proxies", ", trusted_proxies: 2", forwarded("1.1.1.1, 192.0.2.1, 10.0.0.2"),
            forwarded("1.1.1.1, 192.0.2.2, 10.0.0.2"), isOne: false),
        Pair(
            "past the outer proxy", ", trusted_proxies: 2", forwarded("192.0.2.1"),
            forwarded("192.0.2.2"), isOne: true),
        Pair(
            "with ports", ", trusted_proxies: 1", forwarded("192.0.2.1:80"),
            forwarded("192.0.2.1:81"), isOne: true),
        Pair(
            "IPv6 with a port", ", trusted_proxies: 1", forwarded("[2001:db8::1]:80"),
            forwarded("2001:db8::2"), isOne: true),
        Pair(
            "what is no address", ", trusted_proxies: 1", forwarded("one"), forwarded("two"),
            isOne: true),
        Pair(
            "another header", ", trusted_proxies: 1, address_header: X-Real-IP",
            .make(with: [("x-real-ip", "192.0.2.1")], from: "10.0.0.1"),
            .make(with: [("x-real-ip", "192.0.2.2")], from: "10.0.0.1"), isOne: false),
        // By a header.
        Pair("two keys", ", key: {header: X-Api-Key}", key("a"), key("b"), isOne: false),
        Pair(
            "one key from two addresses", ", key: {header: x-api-key}", key("a"),
            key("a", from: "192.0.2.2"), isOne: true),
        Pair(
            "no key: by the address", ", key: {header: X-Api-Key}", key(nil),
            key(nil, from: "192.0.2.2"), isOne: false),
        Pair(
            "no key, no other address", ", key: {header: X-Api-Key}", key(nil), key(nil),
            isOne: true),
        Pair(
            "a key that looks like an address", ", key: {header: X-Api-Key}", key("192.0.2.1"),
            key(nil), isOne: false),
        Pair(
            "long keys that begin alike", ", key: {header: X-Api-Key}", key(long + "a"),
            key(long + "b"), isOne: false),
        Pair("a long key", ", key: {header: X-Api-Key}", key(long), key(long), isOne: true),
        // A handle has no address.
        Pair("handles", "", .make(origin: .handle), .make(origin: .handle), isOne: false),
        Pair(
            "handles with a key", ", key: {header: X-Api-Key}",
            .make(with: [("X-Api-Key", "a")], origin: .handle),
            .make(with: [("X-Api-Key", "a")], origin: .handle), isOne: true),
    ]

    @Test("who is one client, and who are two", arguments: pairs)
    func clients(_ pair: Pair) async throws {
        let stage = try StageTrial(pair.yaml)
        #expect(await stage.answer(to: pair.first).status == 200)
        #expect(await stage.answer(to: pair.second).status == (pair.isOne ? 429 : 200))
    }

    @Test("a burst may be larger or smaller than the rate", arguments: [1, 5])
    func burst(_ burst: Int) async throws {
        let stage = try StageTrial("[rate-limit: {rate: 3/3h, burst: \(burst), name: a}]")
        var answers: [Int] = []
        for _ in 0...burst { answers.append(await stage.answer(to: .make(from: "::1")).status) }
        #expect(answers == Array(repeating: 200, count: burst) + [429])
        let refusal = await stage.answer(to: .make(from: "::1"))
        #expect(refusal["ratelimit-policy"] == "\"a\";q=\(burst);w=\(burst * 3600)")
    }

    @Test(
        "a rate is so many in a time",
        arguments: [
            ("3/s", 1), ("3/1s", 1), ("3/10s", 10), ("3/m", 60), ("3/1.5m", 90), ("3/h", 3600),
            ("3/500ms", 1), ("1000000/ms", nil), ("0/s", nil), ("-1/s", nil), ("3", nil),
            ("3/", nil),
            ("/s", nil), ("3/d", nil), ("3/s/s", nil), ("3/0s", nil), ("3/1us", nil),
            ("3.5/s", nil),
            ("1000001/s", nil), ("+3/s", nil), ("3/-1s", nil), ("3/ s", nil),
        ] as [(String, Int?)])
    func rates(_ rate: String, _ window: Int?) async throws {
        let yaml = "[rate-limit: {rate: \(rate), burst: 3}]"
        guard let window else {
            // The smallest time there is goes with the largest number.
            #expect((StageTrial.error(yaml) == nil) == (rate == "1000000/ms"))
            return
        }
        let answer = try await StageTrial(yaml).answer(to: .make(from: "192.0.2.1"))
        #expect(answer["ratelimit-policy"] == "\"default\";q=3;w=\(window)")
    }

    @Test("many clients at once are counted exactly")
    func concurrent() async throws {
        let stage = try StageTrial("[rate-limit: {rate: 100/10h}]")
        let taken = await withTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var taken = 0
                    for _ in 0..<50 {
                        let answer = await stage.answer(to: .make(from: "192.0.2.1"))
                        if answer.status == 200 { taken += 1 }
                    }
                    return taken
                }
            }
            return await group.reduce(0, +)
        }
        #expect(taken == 100)
    }

    @Test(
        "what is wrong in the configuration is told",
        arguments: [
            (
                "[rate-limit]",
                "1:2: [0].rate-limit is null: it must be a mapping, such as {rate: 10/s}"
            ),
            ("[rate-limit: {burst: 1}]", "1:14: [0].rate-limit.rate is missing"),
            (
                "[rate-limit: {rate: 0}]",
                "1:21: [0].rate-limit.rate is 0: it must be a rate, such as 10/s, 600/m or 100/10s"
            ),
            (
                "[rate-limit: {rate: 7/8000h, burst: 1000000}]",
                "1:14: [0].rate-limit can't be counted exactly: make burst or the time of rate smaller"
            ),
            (
                "[rate-limit: {rate: 1/s, key: cookie}]",
                "1:31: [0].rate-limit.key is cookie: it must be address, all, or a header such as {header: X-Api-Key}"
            ),
            (
                "[rate-limit: {rate: 1/s, key: {header: a b}}]",
                "1:40: [0].rate-limit.key.header is a b: it must be the name of a header"
            ),
            (
                "[rate-limit: {rate: 1/s, name: 'a\"b'}]",
                "1:32: [0].rate-limit.name is \"a\\\"b\": it must be letters, digits, '.', '-' and '_'"
            ),
        ])
    func configuration(_ yaml: String, _ error: String) {
        #expect(StageTrial.error(yaml) == error)
    }
}
