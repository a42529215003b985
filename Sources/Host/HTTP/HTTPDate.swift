internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// The time of day as the `Date` header has it, made once a second.
///
/// Source: RFC 9110, section 5.6.7 (IMF-fixdate).
struct HTTPDate {
    private var second: time_t = -1
    private var text = ""

    mutating func now() -> String {
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME_COARSE, &now)
        if now.tv_sec != second {
            second = now.tv_sec
            text = Self.format(second)
        }
        return text
    }

    static func format(_ second: time_t) -> String {
        var second = second
        var parts = unsafe tm()
        unsafe gmtime_r(&second, &parts)
        func two(_ number: CInt) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let (day, month) = unsafe (days[Int(parts.tm_wday)], HTTPText.months[Int(parts.tm_mon)])
        let date = unsafe "\(two(parts.tm_mday)) \(month) \(parts.tm_year + 1900)"
        let time = unsafe "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
        return "\(day), \(date) \(time) GMT"
    }

    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
}
