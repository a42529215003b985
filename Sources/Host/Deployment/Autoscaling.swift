internal import HostCore
internal import HostDispatch
internal import NIOCore

/// How many replicas a service is to have, and what is to be done next to get there. Pure: no clock, no replicas.
struct Autoscaling {
    enum Step: Equatable {
        /// Make one more, until there are so many.
        case grow(to: Int)
        /// Take away all above so many.
        case shrink(to: Int)
    }

    private var autoscaler: Autoscaler
    /// How many replicas there are to be.
    private(set) var target: Int
    /// The average number of calls between the last two decisions.
    private(set) var ongoing = 0.0
    /// Why there are fewer replicas than the target, if one couldn't be made.
    private(set) var failure: PluginError?
    private var pause = RetryPause()
    /// Not before then, after a failure.
    private var nextAttempt = NIODeadline.uptimeNanoseconds(0)
    private var nextDecision = NIODeadline.uptimeNanoseconds(0)

    var settings: AutoscalingSettings { autoscaler.settings }
    var period: Duration { autoscaler.period }

    /// - Parameters:
    ///   - replicas: the target until the first decision, should it lie within the limits.
    ///   - begin: since when the load is known.
    init(_ settings: AutoscalingSettings, replicas: Int, from begin: NIODeadline) {
        autoscaler = Autoscaler(settings, from: begin)
        target = settings.clamp(replicas)
    }

    /// Whether it is time for a decision: once in a period; at zero whenever somebody asks, as it is because of a call.
    func isDecisionDue(at now: NIODeadline) -> Bool { now >= nextDecision || target == 0 }

    /// Takes the load of the time since the last decision into account.
    ///
    /// - Parameter made: how many replicas there are, lost ones that are being replaced included.
    /// - Returns: the target until now, if it has changed.
    mutating func decide(ongoing: Double, made: Int, at now: NIODeadline) -> Int? {
        nextDecision = now + TimeAmount(period)
        self.ongoing = ongoing
        let last = target
        target = autoscaler.decide(ongoing: ongoing, replicas: target, at: now)
        // Until a replica can be made calls are refused, and are no load that a decision could see.
        if failure != nil, made == 0 { target = max(target, 1) }
        return target == last ? nil : last
    }

    /// - Parameters:
    ///   - made: how many replicas there are, lost ones that are being replaced included.
    ///   - serving: how many of them are in the rotation.
    /// - Returns: nil: nothing for now.
    mutating func nextStep(made: Int, serving: Int, at now: NIODeadline) -> Step? {
        if made < target { return now >= nextAttempt ? .grow(to: made + 1) : nil }
        failure = nil
        // A lost one may be among those that would stay, so its replacement comes first.
        guard made > target, target == 0 || serving == made else { return nil }
        return .shrink(to: target)
    }

    /// A replica was made.
    mutating func succeeded() {
        pause = RetryPause()
    }

    /// A replica couldn't be made.
    ///
    /// - Returns: whether the reason is a new one.
    mutating func failed(_ error: PluginError, at now: NIODeadline) -> Bool {
        defer { failure = error }
        nextAttempt = now + TimeAmount(pause.next())
        return error.message != failure?.message
    }

    /// Something has changed that may have mended what failed.
    mutating func retryAtOnce(at now: NIODeadline) {
        pause = RetryPause()
        nextAttempt = now
    }
}
