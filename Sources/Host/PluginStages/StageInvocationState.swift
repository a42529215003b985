internal import HostPlugins

/// Where a request at a plugin's stage is. Pure: its callers do what it says.
struct StageInvocationState {
    private enum Phase {
        /// `on_request` runs; what it has decided by now takes effect when it returns.
        case asking(PassageDecision?)
        /// `on_request` has returned, and the decision is still to come.
        case waiting
        /// The host has given the request up; the plugin still owes its decision.
        case givenUp
        /// It is behind the stage, or its response on the way back; of which a function of the plugin may have a part.
        case underWay(Part?)
        case over
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
        case .underWay(let part): part
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
        if case .proceed = decision { phase = .underWay(nil) } else { phase = .over }
    }

    /// The time for the decision is up.
    ///
    /// - Returns: whether the request is given up.
    mutating func giveUp() -> Bool {
        guard case .waiting = phase else { return false }
        phase = .givenUp
        return true
    }

    // MARK: The response

    /// A function of the plugin is to see a part of the response. The chain calls them one after the other.
    ///
    /// - Returns: whether it may: not when the response is over.
    mutating func see(_ part: Part) -> Bool {
        guard case .underWay(nil) = phase else { return false }
        phase = .underWay(part)
        return true
    }

    /// It has returned.
    mutating func seen() {
        if case .underWay = phase { phase = .underWay(nil) }
    }

    /// The response is over.
    ///
    /// - Returns: whether the plugin is to be told, which is once.
    mutating func end() -> Bool {
        guard case .underWay = phase else { return false }
        phase = .over
        return true
    }
}
