import HostCore
import HostPlugins
import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

/// The course of a request at a plugin's stage, without threads.
@Suite struct StageInvocationStateTests {
    private static let proceed = PassageDecision.proceed(.none)
    private static let fail = PassageDecision.fail(CallFailure(.notFound, ""))

    /// A request that has gone on.
    private static var underWay: Course {
        let course = Course()
        _ = course.decide(proceed)
        _ = course.returned(isAsync: false)
        return course
    }

    /// By reference, for the sake of the macros.
    private final class Course {
        private var course = StageInvocationState()

        var changeable: StageInvocationState.Part? { course.changeable }
        func decide(
            _ decision: PassageDecision
        ) -> (verdict: PassageVerdict, now: PassageDecision?) { course.decide(decision) }
        func returned(isAsync: Bool) -> StageInvocationState.Return {
            course.returned(isAsync: isAsync)
        }
        func giveUp() -> Bool { course.giveUp() }
        func see(_ part: StageInvocationState.Part) -> Bool { course.see(part) }
        func seen() { course.seen() }
        func end() -> Bool { course.end() }
    }

    @Test("a decision in on_request takes effect when that returns, and is the only one")
    func decides() {
        let course = Course()
        #expect(course.changeable == .request)
        let first = course.decide(Self.proceed)
        #expect(first.verdict == .done && first.now == nil)
        #expect(course.changeable == nil)
        #expect(course.decide(Self.fail).verdict == .outOfTurn)
        guard case .decided(.proceed) = course.returned(isAsync: false) else {
            Issue.record("the first decision is lost")
            return
        }
        #expect(course.decide(Self.fail).verdict == .outOfTurn)
    }

    @Test("a decision after on_request takes effect at once; only an ASYNC stage may make one")
    func decidesLater() {
        let course = Course()
        guard case .wait = course.returned(isAsync: true) else {
            Issue.record("not waiting")
            return
        }
        #expect(course.changeable == .request)
        let decision = course.decide(Self.fail)
        #expect(decision.verdict == .done && decision.now != nil)
        #expect(!course.giveUp())

        let other = Course()
        guard case .leftUndecided = other.returned(isAsync: false) else {
            Issue.record("undecided, and nobody says so")
            return
        }
        #expect(other.decide(Self.proceed).verdict == .outOfTurn)
    }

    @Test("what is decided after the host has given up is too late, once")
    func givesUp() {
        let course = Course()
        _ = course.returned(isAsync: true)
        #expect(course.giveUp())
        #expect(!course.giveUp())
        #expect(course.changeable == nil)
        #expect(course.decide(Self.proceed).verdict == .tooLate)
        #expect(course.decide(Self.proceed).verdict == .outOfTurn)
    }

    @Test(
        "a part of an answer can be changed while the plugin sees it, until the end, which comes once"
    )
    func answers() {
        let course = Self.underWay
        #expect(course.changeable == nil)
        #expect(course.see(.head))
        #expect(course.changeable == .head)
        course.seen()
        #expect(course.changeable == nil)
        #expect(course.see(.body))
        course.seen()
        #expect(course.end())
        #expect(!course.end() && !course.see(.body) && course.changeable == nil)
    }

    @Test("any order of events keeps the promises")
    func anyOrder() {
        var random = SeededGenerator(seed: 11)
        for _ in 0..<20_000 {
            let course = Course()
            var (decisions, ends, inside, hasReturned) = (0, 0, 0, false)
            for _ in 0..<20 {
                switch Int.random(in: 0..<6, using: &random) {
                case 0: if course.decide(Self.proceed).verdict == .done { decisions += 1 }
                case 1 where !hasReturned:
                    hasReturned = true
                    _ = course.returned(isAsync: Bool.random(using: &random))
                case 2: _ = course.giveUp()
                case 3 where course.see(.body): inside += 1
                case 4 where inside > 0:
                    inside -= 1
                    course.seen()
                // The chain ends a response when no function has it.
                case 5 where inside == 0: if course.end() { ends += 1 }
                default: break
                }
                #expect(decisions <= 1 && ends <= 1 && inside <= 1)
                #expect(ends == 0 || inside == 0)
            }
        }
    }
}
