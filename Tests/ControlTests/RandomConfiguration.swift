import Foundation
import HostControl
import TestSupport

/// Random values of the configuration, all of them valid. A seed repeats them.
struct RandomConfiguration {
    var random: SplitMix64

    init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int { .random(in: range, using: &random) }

    mutating func oneIn(_ count: Int) -> Bool { number(1...count) == 1 }

    mutating func maybe<Value>(_ value: (inout Self) -> Value) -> Value? {
        oneIn(2) ? value(&self) : nil
    }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }

    /// What YAML has traps for, and what it has none for.
    mutating func text() -> String {
        if oneIn(2) {
            return pick([
                "1", "counter:v1", "on", "no", "null", "~", "0", "1e3", "a b", " a ", "a: b", "- a",
                "#", "a #b", "&a", "*a", "!a", "|", ">", "'", "\"", "\\", "%", "@", "`", "{a}",
                "[a]", "a,b", "<<", "=", ".inf", "2001-12-14", "12:30", "tab\there", "line\nbreak",
                "\r\n", "ends\n", "\u{0}", "\u{7F}", "\u{85}", "\u{2028}", "\u{FEFF}", "\u{FFFF}",
                "\u{F0000}", "ä", "a\u{308}", "日本", "🎉", "?", "? a", ":", "a:", "---", "...",
                "x y: z",
                String(repeating: "long ", count: 60),
            ])
        }
        var scalars = String.UnicodeScalarView()
        for _ in 0...number(0...8) {
            scalars.append(Unicode.Scalar(UInt32(number(0...0xD7FF))) ?? "x")
        }
        return String(scalars)
    }

    mutating func time(least nanoseconds: Int = 0) -> BackendOptions.Time {
        let scale = pick([1, 1_000, 1_000_000, 1_000_000_000, 60_000_000_000])
        return BackendOptions.Time(.nanoseconds(max(nanoseconds, number(0...100_000) * scale)))
    }

    mutating func json(depth: Int = 0) -> JSONValue {
        switch number(0...(depth < 4 ? 8 : 6)) {
        case 0: return .null
        case 1: return .bool(oneIn(2))
        case 2: return .integer(Int64.random(in: .min ... .max, using: &random))
        case 3: return .integer(Int64(number(-1_000...1_000)))
        case 4: return .number(Double.random(in: -1e6...1e6, using: &random))
        case 5:
            let number = Double(bitPattern: random.next())
            return .number(number.isFinite ? number : 0.5)
        case 6: return .string(text())
        case 7: return .array((0..<number(0...4)).map { _ in json(depth: depth + 1) })
        default:
            return .object(
                Dictionary(
                    (0..<number(0...4)).map { _ in (text(), json(depth: depth + 1)) }
                ) { $1 })
        }
    }

    mutating func options() -> BackendOptions {
        var options = BackendOptions()
        if oneIn(2) {
            options.numReplicas = maybe { $0.number(1...1_024) }
        } else {
            options.autoscaling = maybe { $0.autoscaling() }
        }
        options.maxBatchSize = maybe { $0.number(1...65_536) }
        options.batchWaitTimeout = maybe { $0.time() }
        options.maxConcurrentQueries = maybe { $0.number(1...1_024) }
        options.maxQueuedRequests = maybe { $0.number(1...1_000_000) }
        options.requestTimeout = maybe { $0.oneIn(3) ? BackendOptions.Time(nil) : $0.time() }
        options.lifecycleTimeout = maybe { $0.time() }
        options.drainTimeout = maybe { $0.time() }
        options.healthCheckPeriod = maybe { $0.time(least: 1_000_000) }
        options.healthCheckFailures = maybe { $0.number(1...1_000) }
        options.hangGrace = maybe { $0.time() }
        options.userConfig = maybe { $0.json() }
        return options
    }

    private mutating func autoscaling() -> BackendOptions.Autoscaling {
        var autoscaling = BackendOptions.Autoscaling(maxReplicas: number(1...1_024))
        autoscaling.minReplicas = maybe { $0.number(0...autoscaling.maxReplicas) }
        autoscaling.targetOngoingRequests = maybe { .random(in: 0.01...1e6, using: &$0.random) }
        autoscaling.upscaleDelay = maybe { $0.time() }
        autoscaling.downscaleDelay = maybe { $0.time() }
        return autoscaling
    }
}
