import Foundation
import HostConfigurationFiles
import HostCore
import HostDispatch
import HostForms
import HostRouting
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

    /// What YAML has traps for, and what it has none for. No byte order mark in front: Foundation drops it when Yams
    /// makes a string.
    mutating func text() -> String {
        if oneIn(2) {
            return pick([
                "1", "counter:v1", "on", "no", "null", "~", "0", "1e3", "a b", " a ", "a: b", "- a",
                "#", "a #b", "&a", "*a", "!a", "|", ">", "'", "\"", "\\", "%", "@", "`", "{a}",
                "[a]", "a,b", "<<", "=", ".inf", "2001-12-14", "12:30", "tab\there", "line\nbreak",
                "\r\n", "ends\n", "\u{0}", "\u{7F}", "\u{85}", "\u{2028}", "a\u{FEFF}", "\u{FFFF}",
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

    mutating func hostFile() -> HostFile {
        var file = HostFile()
        file.listen = maybe { random in
            ListenAddress(
                host: random.pick(["localhost", "0.0.0.0", "::1", "fe80::1%eth0"]),
                port: random.number(0...65_535))
        }
        file.pluginsDirectory = maybe { $0.text() }
        file.adminSocket = maybe { $0.text() }
        file.limits = limits()
        for _ in 0..<number(0...4) {
            var backend = HostFile.Backend(plugin: pick(["echo", "counter", "1", "null", "a-b.c"]))
            backend.options = options()
            file.backends[text()] = backend
        }
        guard !file.backends.isEmpty else { return file }
        for index in 0..<number(0...4) {
            file.endpoints[text()] = endpoint(index, over: file.backends.keys.sorted())
        }
        return file
    }

    private mutating func limits() -> HostFile.Limits {
        var limits = HostFile.Limits()
        limits.ioThreads = maybe { $0.number(1...1_024) }
        limits.requestTimeout = maybe { $0.oneIn(3) ? BackendOptions.Time(nil) : $0.time() }
        limits.maxQueuedRequests = maybe { $0.number(1...1_000_000) }
        limits.lifecycleTimeout = maybe { $0.time() }
        limits.drainTimeout = maybe { $0.time() }
        limits.maxBodySize = maybe { $0.number(0...1 << 40) }
        limits.maxBufferedBodies = maybe { $0.number(1...1 << 40) }
        limits.maxConnections = maybe { $0.number(1...1_000_000) }
        limits.idleTimeout = maybe { $0.time() }
        limits.transferTimeout = maybe { $0.oneIn(3) ? BackendOptions.Time(nil) : $0.time() }
        limits.shutdownTimeout = maybe { $0.time() }
        limits.maxRetiredGenerations = maybe { $0.number(1...1_000_000) }
        return limits
    }

    /// - Parameter index: makes its route another one than those of the others.
    private mutating func endpoint(_ index: Int, over tags: [String]) -> HostFile.Endpoint {
        let first = pick(tags)
        var endpoint = HostFile.Endpoint(traffic: [first: 1])
        if let second = tags.first(where: { $0 != first }), oneIn(2) {
            let weight = Double.random(in: 0...1, using: &random)
            endpoint.traffic = [first: weight, second: 1 - weight]
        }
        endpoint.route = maybe { random in
            "/\(index)" + random.pick(["", "/", "/*", "/a/*", "/a.b~c", "/%20", "/-/"])
        }
        endpoint.methods = pick([["GET", "POST"], ["GET"], ["DELETE", "PUT"]])
        if oneIn(2) { endpoint.shadow[pick(tags)] = .random(in: 0...1, using: &random) }
        return endpoint
    }
}
