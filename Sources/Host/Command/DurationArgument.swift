internal import ArgumentParser
internal import HostForms

/// A duration on the command line: `2ms`, `10s`, `1m`; `none` where there may be no limit.
struct DurationArgument: ExpressibleByArgument {
    /// nil: none.
    let duration: Duration?

    init?(argument: String) {
        guard let read = try? Self.read(argument) else { return nil }
        self = read
    }

    /// - Throws: `ValidationError`, which says how a duration is written.
    static func read(_ text: String) throws -> DurationArgument {
        if text == "none" { return DurationArgument(nil) }
        guard let duration = DurationText.parse(text) else {
            throw ValidationError(
                "'\(text)' is no duration: it needs a unit, such as 200ms, 5s or 1m")
        }
        return DurationArgument(duration)
    }

    init(_ duration: Duration?) {
        self.duration = duration
    }

    var defaultValueDescription: String { duration.map(DurationText.format) ?? "none" }
}
