import HostCore
import HostDispatch
import NIOCore
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

/// The way to the target: what is done next, and what waits.
@Suite struct AutoscalingStepTests {
    private let begin = NIODeadline.now()
    private let failure = PluginError(.lifecycleFailed, "no memory")

    private func scaling(_ range: ClosedRange<Int>, replicas: Int) -> Autoscaling {
        var settings = AutoscalingSettings(maxReplicas: range.upperBound)
        settings.minReplicas = range.lowerBound
        settings.upscaleDelay = .zero
        settings.downscaleDelay = .zero
        return Autoscaling(settings, replicas: replicas, from: begin)
    }

    @Test("replicas are made one by one, and taken away at once")
    func steps() {
        var scaling = scaling(1...8, replicas: 3)
        #expect(scaling.nextStep(made: 1, serving: 1, at: begin) == .grow(to: 2))
        #expect(scaling.nextStep(made: 2, serving: 2, at: begin) == .grow(to: 3))
        #expect(scaling.nextStep(made: 3, serving: 3, at: begin) == nil)
        #expect(scaling.nextStep(made: 6, serving: 6, at: begin) == .shrink(to: 3))
    }

    @Test("the target begins with what is there, within the limits", arguments: [(0, 2), (9, 5)])
    func beginning(replicas: Int, target: Int) {
        #expect(scaling(2...5, replicas: replicas).target == target)
    }

    @Test("none is taken away while a lost one is being replaced, unless all of them go")
    func lost() {
        var scaling = scaling(0...8, replicas: 1)
        #expect(scaling.nextStep(made: 3, serving: 2, at: begin) == nil)
        #expect(scaling.nextStep(made: 3, serving: 3, at: begin) == .shrink(to: 1))
        #expect(scaling.decide(ongoing: 0, made: 3, at: begin) == 1)
        #expect(scaling.nextStep(made: 3, serving: 2, at: begin) == .shrink(to: 0))
    }

    @Test("after a failure it is tried again with growing pauses, up to half a minute")
    func pauses() {
        var scaling = scaling(1...8, replicas: 2)
        var now = begin
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            #expect(scaling.nextStep(made: 1, serving: 1, at: now) == .grow(to: 2))
            _ = scaling.failed(failure, at: now)
            now = now + .seconds(Int64(pause))
            #expect(scaling.nextStep(made: 1, serving: 1, at: now - .nanoseconds(1)) == nil)
        }
        scaling.retryAtOnce(at: now - .seconds(1))
        #expect(scaling.nextStep(made: 1, serving: 1, at: now) == .grow(to: 2))
        scaling.succeeded()
        _ = scaling.failed(failure, at: now)
        #expect(scaling.nextStep(made: 1, serving: 1, at: now + .seconds(1)) == .grow(to: 2))
    }

    @Test("a reason is told once, and forgotten when there are enough replicas")
    func reasons() {
        var scaling = scaling(1...8, replicas: 2)
        let first = scaling.failed(failure, at: begin)
        let second = scaling.failed(failure, at: begin)
        let other = scaling.failed(PluginError(.lifecycleFailed, "no licence"), at: begin)
        #expect([first, second, other] == [true, false, true])
        #expect(scaling.failure?.message == "no licence")
        _ = scaling.nextStep(made: 2, serving: 2, at: begin)
        #expect(scaling.failure == nil)
    }

    @Test("while the first replica can't be made the target is not zero, without any load")
    func failureAtZero() {
        var scaling = scaling(0...8, replicas: 0)
        #expect(scaling.decide(ongoing: 0.1, made: 0, at: begin) == 0)
        #expect(scaling.target == 1)
        _ = scaling.failed(failure, at: begin)
        #expect(scaling.decide(ongoing: 0, made: 0, at: begin + .seconds(1)) == nil)
        #expect(scaling.target == 1)
        #expect(scaling.nextStep(made: 1, serving: 1, at: begin + .seconds(1)) == nil)
        #expect(scaling.decide(ongoing: 0, made: 1, at: begin + .seconds(2)) == 1)
        #expect(scaling.target == 0)
    }

    @Test("a decision is due once in a period, and at zero whenever somebody asks")
    func due() {
        var scaling = scaling(0...8, replicas: 1)
        #expect(scaling.isDecisionDue(at: begin))
        _ = scaling.decide(ongoing: 1, made: 1, at: begin)
        #expect(!scaling.isDecisionDue(at: begin + .milliseconds(9)))
        #expect(scaling.isDecisionDue(at: begin + .milliseconds(10)))
        _ = scaling.decide(ongoing: 0, made: 1, at: begin)
        #expect(scaling.isDecisionDue(at: begin))
    }
}
