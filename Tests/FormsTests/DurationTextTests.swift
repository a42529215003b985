import HostForms
import TestSupport
import Testing

@Suite struct DurationTextTests {
    @Test(
        "a number with a unit is a duration",
        arguments: [
            ("250us", Duration.microseconds(250)), ("2ms", .milliseconds(2)), ("10s", .seconds(10)),
            ("1.5s", .milliseconds(1_500)), ("2m", .seconds(120)), ("1h", .seconds(3_600)),
            ("0s", .zero), (".5s", .milliseconds(500)), ("0.25us", .nanoseconds(250)),
            ("1.000000001s", .nanoseconds(1_000_000_001)), ("8760h", .seconds(365 * 86_400)),
            ("0.10000000000000000000s", .milliseconds(100)),
        ])
    func parse(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "what has no unit, no number, a sign or no end is none",
        arguments: [
            "", "5", "ms", "-1s", "1 s", "1d", "s5", "nan s", "infs", "9999999h", "0x1s", ".s",
            "1.s",
            "1.2.3s", "8760.1h", "99999999999999999999s", "2562047h", "９s",
        ])
    func refuse(text: String) {
        #expect(DurationText.parse(text) == nil)
    }

    @Test(
        "what is formatted is read back",
        arguments: [
            Duration.zero, .microseconds(250), .milliseconds(2), .milliseconds(1_500), .seconds(90),
            .microseconds(4_100), .nanoseconds(250), .seconds(365 * 24 * 3_600),
        ])
    func format(duration: Duration) {
        #expect(DurationText.parse(DurationText.format(duration)) == duration)
    }

    @Test("each nanosecond of a year is formatted and read back", arguments: 0..<10)
    func exact(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            let limit = Int64.random(in: 1...31_536_000_000_000_000, using: &random)
            let nanoseconds = Int64.random(in: 0...limit, using: &random)
            let duration = Duration.nanoseconds(nanoseconds)
            let text = DurationText.format(duration)
            #expect(DurationText.parse(text) == duration, "\(text)")
        }
    }
}
