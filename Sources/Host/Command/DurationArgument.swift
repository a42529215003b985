internal import ArgumentParser
internal import HostControl
internal import HostForms

/// A duration on the command line: `2ms`, `10s`, `1m`; `none` where there may be no limit.
struct DurationArgument: ExpressibleByArgument {
    /// nil: none.
    let duration: Duration?

    init?(argument: String) {
        if argument == "none" {
            duration = nil
        } else if let parsed = DurationText.parse(argument) {
            duration = parsed
        } else {
            return nil
        }
    }

    init(_ duration: Duration?) {
        self.duration = duration
    }

    var defaultValueDescription: String { duration.map(DurationText.format) ?? "none" }
}
