import HostDispatch
import NIOCore
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

/// The decision alone, on loads of one second each; two calls a replica, up after 3 s, down after 6 s.
@Suite struct AutoscalerTests {
    private static let begin = NIODeadline.now()

    private static func settings(_ range: ClosedRange<Int> = 1...8) -> AutoscalingSettings {
        var settings = AutoscalingSettings(maxReplicas: range.upperBound)
        settings.minReplicas = range.lowerBound
        settings.targetOngoingRequests = 2
        settings.upscaleDelay = .seconds(3)
        settings.downscaleDelay = .seconds(6)
        return settings
    }

    /// The number of replicas after each second.
    private func replicas(
        _ curve: [Double], from start: Int = 1, _ settings: AutoscalingSettings = settings()
    ) -> [Int] {
        var autoscaler = Autoscaler(settings, from: Self.begin)
        var replicas = start
        return curve.enumerated().map { second, ongoing in
            replicas = autoscaler.decide(
                ongoing: ongoing, replicas: replicas,
                at: Self.begin + .seconds(Int64(second) + 1))
            return replicas
        }
    }

    @Test("a spike: up to what lasted for the delay, then to the rest, and down after the long one")
    func spike() {
        #expect(
            replicas([1, 1, 1, 6.4, 15, 14, 12, 12, 11, 12, 3.5, 1, 1, 1, 0.8, 1, 1, 1])
                == [1, 1, 1, 1, 1, 4, 6, 6, 6, 6, 6, 6, 6, 6, 6, 2, 1, 1])
    }

    /// Each second's load of a replica that takes 100 ms a call, as a host saw it: 6 calls a second, 14 a second for
    /// 18 s, 6 again. One replica takes 10, so calls pile up; what the host did is what is expected.
    @Test("a spike as it was recorded, with its effect on the load")
    func recordedSpike() {
        var settings = Self.settings()
        settings.upscaleDelay = .seconds(10)
        settings.downscaleDelay = .seconds(20)
        let before = [2.89, 2.54, 0.47, 1.85, 2.48, 0.71, 0.62, 1.15, 0.64, 0.4, 0.39, 1.14]
        let waiting = [5.29, 9.56, 13.78, 26.45, 31.88, 34.46, 36.01, 36.25, 38.31, 39.61, 31.78]
        let after = [
            7.65, 1.67, 1.57, 1.06, 1.55, 0.83, 1.71, 0.46, 0.64, 0.67, 0.64, 0.55, 1.1, 1.16, 0.59,
            0.62, 0.3, 1.11, 0.81, 0.29, 0.38, 4.03, 4.64, 0.68,
        ]
        let expected =
            Array(repeating: 1, count: 21) + [3] + Array(repeating: 5, count: 20) + [4, 1, 1, 1, 1]
        #expect(replicas(before + waiting + after, settings) == expected)
    }

    @Test("a spike shorter than the delay changes nothing")
    func shortSpike() {
        #expect(replicas([1, 1, 1, 9, 12, 1, 1, 1]) == [1, 1, 1, 1, 1, 1, 1, 1])
    }

    @Test("more than the maximum is the maximum, however large the load")
    func limit() {
        #expect(replicas([1, 1, 1, 1e9, 1e300, 40, 40]) == [1, 1, 1, 1, 1, 8, 8])
    }

    @Test("a fast sawtooth: what its teeth have in common, and no change with each of them")
    func sawtooth() {
        #expect(
            replicas([1, 4, 8, 12, 1, 4, 8, 12, 1, 4, 8, 12, 1, 4, 8, 12])
                == [1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2])
    }

    @Test("a slow sawtooth: up along the tooth, and it stays when the next one begins in time")
    func slowSawtooth() {
        var settings = Self.settings()
        settings.downscaleDelay = .seconds(10)
        #expect(
            replicas([2, 4, 6, 8, 10, 12, 14, 16, 2, 4, 6, 8, 10, 12, 14, 16], settings)
                == [1, 1, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6])
    }

    @Test("a slow ramp is followed, as late as the delays say")
    func ramp() {
        let up = (1...12).map(Double.init)
        let down = (1...11).reversed().map(Double.init)
        #expect(
            replicas(up + down + [1, 1, 1, 1, 1])
                == [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
                + [6, 6, 6, 6, 6, 6, 5, 5, 4, 4, 3]
                + [3, 2, 2, 1, 1])
    }

    @Test("noise around a threshold changes nothing, wherever it begins", arguments: [2, 3])
    func noise(start: Int) {
        let curve = [3.9, 4.1, 3.8, 4.2, 3.9, 4.1, 4.0, 4.3, 3.9, 4.1, 3.9, 4.1]
        #expect(replicas(curve, from: start) == curve.map { _ in start })
    }

    @Test("down to zero after a whole delay without a call; the least load keeps one")
    func toZero() {
        let settings = Self.settings(0...8)
        #expect(
            replicas([2, 1, 0, 0, 0, 0, 0, 0, 0], settings) == [1, 1, 1, 1, 1, 1, 1, 0, 0])
        #expect(
            replicas([2, 1, 0, 0, 0, 0.001, 0, 0, 0, 0, 0, 0], settings)
                == [1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0])
    }

    @Test("up from zero with the first call, whatever it is; further only after the delay")
    func fromZero() {
        #expect(
            replicas([0, 0, 0.001, 6, 6, 6, 6], from: 0, Self.settings(0...8))
                == [0, 0, 1, 1, 1, 3, 3])
        #expect(replicas([12, 12], from: 0, Self.settings(0...8)) == [1, 1])
    }

    @Test("nothing is decided before a delay's time is known")
    func beginning() {
        #expect(replicas([12, 12, 12], from: 1) == [1, 1, 6])
        #expect(replicas([1, 1, 1, 1, 1, 1], from: 5) == [5, 5, 5, 5, 5, 1])
    }

    @Test("without delays each decision is the load's")
    func immediate() {
        var settings = Self.settings()
        settings.upscaleDelay = .zero
        settings.downscaleDelay = .zero
        #expect(replicas([1, 12, 3, 7, 0], settings) == [1, 6, 2, 4, 1])
    }

    @Test("a fraction of a call may be the target")
    func fractions() {
        var settings = Self.settings()
        settings.upscaleDelay = .zero
        settings.targetOngoingRequests = 0.5
        #expect(replicas([1, 1.6, 3], settings) == [2, 4, 6])
    }

    @Test(
        "it is decided ten times within the shorter delay, once a second at least",
        arguments: [
            (Duration.seconds(3), Duration.seconds(6), Duration.milliseconds(300)),
            (.seconds(30), .seconds(600), .seconds(1)),
            (.seconds(30), .milliseconds(50), .milliseconds(10)),
            (.zero, .seconds(1), .milliseconds(10)),
        ])
    func period(upscale: Duration, downscale: Duration, period: Duration) {
        var settings = AutoscalingSettings(maxReplicas: 2)
        settings.upscaleDelay = upscale
        settings.downscaleDelay = downscale
        #expect(Autoscaler(settings, from: Self.begin).period == period)
    }

    @Test("a window of a year needs no more memory than there are numbers of replicas")
    func memory() {
        let year: Duration = .seconds(365 * 24 * 3_600)
        for extreme in [StabilizationWindow.Extreme.smallest, .largest] {
            var window = StabilizationWindow(of: extreme, over: year, from: Self.begin)
            for second in 0..<100_000 {
                // Every number from 1 to 1,024, in an order that has no order.
                let number = second * 389 % 1_024 + 1
                #expect(
                    window.record(number, at: Self.begin + .seconds(Int64(second))) == nil)
                if window.candidates.count > 1_024 { break }
            }
            #expect(window.candidates.count <= 1_024)
        }
    }
}
