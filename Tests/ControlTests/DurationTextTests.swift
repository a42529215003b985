import HostControl
import Testing

@Suite struct DurationTextTests {
    @Test(
        "a number with a unit is a duration",
        arguments: [
            ("250us", Duration.microseconds(250)), ("2ms", .milliseconds(2)), ("10s", .seconds(10)),
            ("1.5s", .milliseconds(1_500)), ("2m", .seconds(120)), ("1h", .seconds(3_600)),
            ("0s", .zero),
        ])
    func parse(text: String, duration: Duration) {
        #expect(DurationText.parse(text) == duration)
    }

    @Test(
        "what has no unit, no number, a sign or no end is none",
        arguments: ["", "5", "ms", "-1s", "1 s", "1d", "s5", "nan s", "infs", "9999999h", "0x1s"])
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

    @Test("any number of nanoseconds is read back, or a state would drift with each restart")
    func readBack() {
        for nanoseconds in stride(from: Int64(1), to: 30_000_000_000, by: 3_000_017) {
            let duration = Duration.nanoseconds(nanoseconds)
            #expect(DurationText.parse(DurationText.format(duration)) == duration)
        }
    }
}
