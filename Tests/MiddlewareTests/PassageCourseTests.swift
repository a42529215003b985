import HostPlugins
import TestSupport
import Testing

@testable import HostMiddleware

/// The course of a request at a plugin's stage, without threads.
@Suite struct PassageCourseTests {
    private static let proceed = PassageDecision.proceed(.none)
    private static let fail = PassageDecision.fail(PluginFailure(.notFound, ""))

    /// A request that has gone on.
    private static var underWay: Course {
        let course = Course()
        _ = course.decide(proceed)
        _ = course.returned(isAsync: false)
        return course
    }

    /// By reference, for the sake of the macros.
    private final class Course {
        private var course = PassageCourse()

        var changeable: PassageCourse.Part? { course.changeable }
        func decide(
            _ decision: PassageDecision
        ) -> (verdict: PassageVerdict, now: PassageDecision?) { course.decide(decision) }
        func returned(isAsync: Bool) -> PassageCourse.Return { course.returned(isAsync: isAsync) }
        func giveUp() -> Bool { course.giveUp() }
        func see(_ part: PassageCourse.Part) -> PassageCourse.Entrance { course.see(part) }
        func seen() -> StatusCode? { course.seen() }
        func end(_ status: StatusCode) -> Bool { course.end(status) }
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

    @Test("the functions for an answer never overlap, and the last comes once, after the others")
    func answers() {
        let course = Self.underWay
        #expect(course.see(.head) == .enter)
        #expect(course.changeable == .head)
        #expect(course.see(.body) == .wait)
        #expect(!course.end(.cancelled))
        #expect(!course.end(.ok))
        #expect(course.see(.body) == .pass)
        #expect(course.seen() == .cancelled)
        #expect(course.seen() == nil)
        #expect(!course.end(.ok))

        let other = Self.underWay
        #expect(other.see(.body) == .enter)
        #expect(other.seen() == nil)
        #expect(other.end(.ok))
        #expect(!other.end(.ok))
        #expect(other.see(.body) == .pass)
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
                case 3 where course.see(.body) == .enter: inside += 1
                case 4 where inside > 0:
                    inside -= 1
                    if course.seen() != nil { ends += 1 }
                case 5: if course.end(.ok) { ends += 1 }
                default: break
                }
                #expect(decisions <= 1 && ends <= 1 && inside <= 1)
                #expect(ends == 0 || inside == 0)
            }
        }
    }
}
