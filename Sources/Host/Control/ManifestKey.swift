internal import Foundation
internal import HostDispatch
internal import HostPlugins

/// What a key of a manifest sets, and what its value may be.
enum ManifestKey<Settings>: Sendable {
    typealias Path<Value> = any WritableKeyPath<Settings, Value> & Sendable

    case count(ClosedRange<Int>, Path<Int>)
    /// Whole or not.
    case number(ClosedRange<Double>, Path<Double>)
    case duration(Path<Duration>)
    /// A duration of a millisecond at least: something is done that often.
    case period(Path<Duration>)
    case optionalDuration(Path<Duration?>)
    case json(Path<String>)
    case autoscaling(Path<AutoscalingSettings?>)

    /// - Parameter name: the key's, for the error.
    func change(
        _ name: String, _ value: Any
    ) throws(PluginError) -> @Sendable (inout Settings) -> Void {
        switch self {
        case .count(let range, let path):
            guard let number = value as? Int, range.contains(number) else {
                throw PluginManifest.invalid(
                    "\(name) is \(value): it must be a whole number from \(range.lowerBound) "
                        + "to \(range.upperBound)")
            }
            return { $0[keyPath: path] = number }
        case .number(let range, let path):
            guard let number = (value as? Int).map(Double.init) ?? value as? Double,
                range.contains(number)
            else {
                throw PluginManifest.invalid(
                    "\(name) is \(value): it must be a number from \(range.lowerBound) "
                        + "to \(range.upperBound)")
            }
            return { $0[keyPath: path] = number }
        case .duration(let path):
            let duration = try Self.duration(name, value)
            return { $0[keyPath: path] = duration }
        case .period(let path):
            let duration = try Self.duration(name, value)
            guard duration >= .milliseconds(1) else {
                throw PluginManifest.invalid("\(name) is \(value): it must be 1ms at least")
            }
            return { $0[keyPath: path] = duration }
        case .optionalDuration(let path):
            let duration = value as? String == "none" ? nil : try Self.duration(name, value)
            return { $0[keyPath: path] = duration }
        case .json(let path):
            let text = try Self.json(name, value)
            return { $0[keyPath: path] = text }
        case .autoscaling(let path):
            let settings = try AutoscalingSettings(manifest: value, under: name)
            return { $0[keyPath: path] = settings }
        }
    }

    private static func duration(_ name: String, _ value: Any) throws(PluginError) -> Duration {
        // A bare 0 needs no unit.
        if value as? Int == 0 { return .zero }
        guard let text = value as? String, let duration = DurationText.parse(text) else {
            throw PluginManifest.invalid(
                "\(name) is \(value): it must be a duration with a unit, such as 2ms or 10s")
        }
        return duration
    }

    private static func json(_ name: String, _ value: Any) throws(PluginError) -> String {
        guard JSONSerialization.isValidJSONObject([value]),
            let data = try? JSONSerialization.data(
                withJSONObject: value,
                options: [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes])
        else {
            throw PluginManifest.invalid(
                "\(name) can't be written as JSON: use strings as keys, and plain values")
        }
        return String(decoding: data, as: UTF8.self)
    }
}
