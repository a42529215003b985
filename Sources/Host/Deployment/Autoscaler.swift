internal import HostDispatch
internal import NIOCore

/// How many replicas a backend is to have for its load. Pure: no clock, no replicas.
///
/// The number wanted is Ray Serve 2's (`replica_queue_length_autoscaling_policy`): ongoing calls divided by
/// `target_ongoing_requests`, rounded up, within the limits; and one at once for the first call when there is none.
///
/// The delays are Kubernetes' stabilization windows (HorizontalPodAutoscaler, `behavior`): up to the smallest number
/// wanted during `upscale_delay`, down to the largest during `downscale_delay`. As in Ray, which counts decisions in a
/// row and takes the last one, a load has to last for the whole delay; but a peak at its end is not what is scaled to.
struct Autoscaler {
    let settings: AutoscalingSettings
    private var upscale: StabilizationWindow
    private var downscale: StabilizationWindow

    /// - Parameter begin: since when the load is known.
    init(_ settings: AutoscalingSettings, from begin: NIODeadline) {
        self.settings = settings
        upscale = StabilizationWindow(of: .smallest, over: settings.upscaleDelay, from: begin)
        downscale = StabilizationWindow(of: .largest, over: settings.downscaleDelay, from: begin)
    }

    /// - Parameters:
    ///   - ongoing: how many calls waited or ran on average since the last decision.
    ///   - replicas: how many there are or, where some are still being made, are to be.
    /// - Returns: how many there are to be now.
    mutating func decide(ongoing: Double, replicas: Int, at now: NIODeadline) -> Int {
        let wanted = wanted(for: ongoing)
        let lasting = upscale.record(wanted, at: now)
        let sufficient = downscale.record(wanted, at: now)
        if replicas == 0, ongoing > 0 { return settings.clamp(1) }
        if let lasting, lasting > replicas { return lasting }
        if let sufficient, sufficient < replicas { return sufficient }
        return replicas
    }

    private func wanted(for ongoing: Double) -> Int {
        // Limited first: a load divided by a small target may be more than an Int holds.
        let wanted = (ongoing / settings.targetOngoingRequests).rounded(.up)
        return settings.clamp(Int(min(wanted, Double(settings.maxReplicas))))
    }

    /// How often to decide: ten times within the shorter delay.
    var period: Duration {
        let tenth = min(settings.upscaleDelay, settings.downscaleDelay) / 10
        return min(max(tenth, .milliseconds(10)), .seconds(1))
    }
}
