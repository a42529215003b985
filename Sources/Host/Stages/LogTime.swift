internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// A time as logs have it, in UTC.
struct LogTime {
    let seconds: Int
    let milliseconds: Int

    static var now: LogTime {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        return LogTime(seconds: now.tv_sec, milliseconds: now.tv_nsec / 1_000_000)
    }

    /// `2026-11-23T18:41:31.042Z`
    var iso8601: String {
        let (year, month, day) = date
        return "\(year)-\(Self.two(month))-\(Self.two(day))T\(clock)"
            + ".\(String(1_000 + milliseconds).dropFirst())Z"
    }

    /// `23/Nov/2026:18:41:31 +0000`, as in the common log format.
    var common: String {
        let (year, month, day) = date
        return "\(Self.two(day))/\(HTTPText.months[month - 1])/\(year):\(clock) +0000"
    }

    private var clock: String {
        let second = seconds - day * 86_400
        return "\(Self.two(second / 3_600)):\(Self.two(second / 60 % 60)):\(Self.two(second % 60))"
    }

    private var day: Int { (seconds - (seconds < 0 ? 86_399 : 0)) / 86_400 }

    /// Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`; for days since 1970.
    private var date: (year: Int, month: Int, day: Int) {
        let days = day + 719_468
        let (era, dayOfEra) = days.quotientAndRemainder(dividingBy: 146_097)
        let yearOfEra =
            (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        // Its years begin in March.
        let month = (5 * dayOfYear + 2) / 153
        let year = yearOfEra + era * 400
        return month < 10
            ? (year, month + 3, dayOfYear - (153 * month + 2) / 5 + 1)
            : (year + 1, month - 9, dayOfYear - (153 * month + 2) / 5 + 1)
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
}
