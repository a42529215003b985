internal import HostDispatch
internal import HostPlugins

/// Where a request at a plugin's stage is. Pure: its callers do what it says.
struct PassageCourse {
    private enum Phase {
        /// `on_request` runs; what it has decided by now takes effect when it returns.
        case asking(PassageDecision?)
        /// `on_request` has returned, and the decision is still to come.
        case waiting
        /// The host has given the request up; the plugin still owes its decision.
        case givenUp
        /// It is behind the stage, or its answer on the way back.
        case underWay(Answer)
        case over
    }

    /// The answer of a request that went on.
    private struct Answer {
        /// A function of the plugin has it.
        var seen: Part?
        /// What comes after the function returns; nil: the answer goes on.
        var end: StatusCode?
    }

    /// What a function of the plugin may change.
    enum Part {
        case request, head, body
    }

    private var phase = Phase.asking(nil)

    /// What the plugin may change now.
    var changeable: Part? {
        switch phase {
        case .asking(nil), .waiting: .request
        case .underWay(let answer): answer.seen
        case .asking, .givenUp, .over: nil
        }
    }

    // MARK: The decision

    /// - Returns: what is to be done now, if anything is.
    mutating func decide(
        _ decision: PassageDecision
    ) -> (verdict: PassageVerdict, now: PassageDecision?) {
        switch phase {
        case .asking(nil):
            phase = .asking(decision)
            return (.done, nil)
        case .waiting:
            begin(decision)
            return (.done, decision)
        case .givenUp:
            phase = .over
            return (.tooLate, nil)
        case .asking, .underWay, .over:
            return (.outOfTurn, nil)
        }
    }

    enum Return {
        case decided(PassageDecision)
        case wait
        /// The plugin may not decide later, and did not now.
        case leftUndecided
    }

    /// `on_request` has returned.
    mutating func returned(isAsync: Bool) -> Return {
        guard case .asking(let decision) = phase else {
            preconditionFailure("on_request returns once")
        }
        if let decision {
            begin(decision)
            return .decided(decision)
        }
        phase = isAsync ? .waiting : .over
        return isAsync ? .wait : .leftUndecided
    }

    private mutating func begin(_ decision: PassageDecision) {
        if case .proceed = decision { phase = .underWay(Answer()) } else { phase = .over }
    }

    /// The time for the decision is up.
    ///
    /// - Returns: whether the request is given up.
    mutating func giveUp() -> Bool {
        guard case .waiting = phase else { return false }
        phase = .givenUp
        return true
    }

    // MARK: The answer

    enum Entrance {
        case enter
        /// Another function has it; ask again when it has returned.
        case wait
        /// The answer is over, and nobody sees more of it.
        case pass
    }

    /// A function of the plugin is to see a part of the answer.
    mutating func see(_ part: Part) -> Entrance {
        guard case .underWay(var answer) = phase, answer.end == nil else { return .pass }
        guard answer.seen == nil else { return .wait }
        answer.seen = part
        phase = .underWay(answer)
        return .enter
    }

    /// It has returned.
    ///
    /// - Returns: the status to end with, if the answer was over in the meantime.
    mutating func seen() -> StatusCode? {
        guard case .underWay(let answer) = phase else { return nil }
        phase = answer.end == nil ? .underWay(Answer()) : .over
        return answer.end
    }

    /// The answer is over.
    ///
    /// - Returns: whether to end now; otherwise when the function that has it returns.
    mutating func end(_ status: StatusCode) -> Bool {
        guard case .underWay(var answer) = phase, answer.end == nil else { return false }
        guard answer.seen != nil else {
            phase = .over
            return true
        }
        answer.end = status
        phase = .underWay(answer)
        return false
    }
}
