internal import Crypto
internal import HostCore
internal import HostPipeline
internal import NIOConcurrencyHelpers
internal import NIOCore

/// Refuses requests of a client that sends more than it may.
struct RateLimitStage: MiddlewareStage {
    private let options: Options
    private let rate: TokenBucket.Rate
    private let buckets: NIOLockedValueBox<TokenBuckets<String>>
    /// What the header `RateLimit-Policy` says.
    private let policy: String

    init(_ options: Options, _ rate: TokenBucket.Rate) {
        self.options = options
        self.rate = rate
        buckets = NIOLockedValueBox(
            TokenBuckets(
                rate, maxKeys: options.key == .all ? 2 : options.maxKeys, at: Self.now()))
        let window = Self.seconds(rate.timeToFill)
        policy = "\"\(options.name)\";q=\(rate.burst);w=\(window)"
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        guard let key = key(of: request) else { return next.proceed(request, for: sink) }
        let now = Self.now()
        let (outcome, spent) = buckets.withLockedValue { $0.take(key, at: now) }
        // Thousands of keys may go here: not under the lock.
        withExtendedLifetime(spent) {}
        switch outcome {
        case .taken(let remaining, let full):
            guard options.headers else { return next.proceed(request, for: sink) }
            let filter = RateLimitFilter(headers: headers(remaining, full))
            next.proceed(request, for: FilteringSink(filter, before: sink, next))
        case .empty(let wait, let full):
            let seconds = Self.seconds(wait)
            next.refuse(
                sink,
                with: DispatchError(
                    .refused(httpStatus: 429),
                    "too many requests: send the next one in \(seconds) s",
                    headers: [("retry-after", "\(seconds)")]
                        + (options.headers ? headers(0, full) : [])))
        }
    }

    /// nil: the request isn't counted.
    private func key(of request: Request) -> String? {
        switch options.key {
        case .all: return ""
        case .address: break
        case .header(let name):
            if let value = request.headers.first(name: name) { return Self.shortened(value) }
        }
        // One without the header must not be free: everybody would leave it out.
        return ClientAddress.of(
            request, behind: options.trustedProxies, header: options.addressHeader)
    }

    /// A key has about a hundred bytes at the most, whatever a client sends.
    private static func shortened(_ value: String) -> String {
        guard value.utf8.count > 63 else { return "=" + value }
        return SHA256.hash(data: Array(value.utf8)).map { String($0, radix: 16) }
            .joined(separator: ".")
    }

    /// Source: draft-ietf-httpapi-ratelimit-headers-09.
    private func headers(_ remaining: Int64, _ full: Int64) -> [(name: String, value: String)] {
        [
            ("ratelimit-policy", policy),
            ("ratelimit", "\"\(options.name)\";r=\(remaining);t=\(Self.seconds(full))"),
        ]
    }

    /// Whole ones, rounded up.
    private static func seconds(_ nanoseconds: Int64) -> Int64 {
        nanoseconds / 1_000_000_000 + (nanoseconds % 1_000_000_000 == 0 ? 0 : 1)
    }

    private static func now() -> Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }
}

/// Tells a client how much it has left.
private struct RateLimitFilter: ResponseFilter {
    let headers: [(name: String, value: String)]

    func begin(_ head: inout ResponseHead) {
        for header in headers { head.add(header.name, header.value) }
    }
}
