internal import HostCore
internal import HostForms
internal import HostPipeline
internal import NIOCore

/// Refuses requests whose bodies are larger than they may be, before all of them has come.
final class BodyLimitStage: MiddlewareStage {
    struct Options: Sendable, Equatable {
        var maxSize = 0
    }

    static let kind = MiddlewareKind(
        "body-limit", "Refuses requests with large bodies.",
        .mapping(keys, from: Options(), such: "{max_size: 1MiB}"), initial: nil
    ) { options, _ in BodyLimitStage(options) }

    private static let keys: [ConfigurationKey<Options>] = [
        .required(
            "max_size", \.maxSize, .bytes(0...1 << 40),
            "The largest body of a request, in bytes, or with a unit: 64KiB, 1MiB, 1GiB.")
    ]

    private let limit: Int

    init(_ options: Options) {
        limit = options.maxSize
    }

    func handle(_ request: Request, for sink: any ResponseSink, _ next: Next) {
        guard (request.bodySize ?? announcedSize(of: request)) <= limit else {
            return next.refuse(sink, with: IncomingBody.tooLarge(limit: limit))
        }
        next.proceed(request, for: sink)
    }

    /// Of a body that is still to come.
    private func announcedSize(of request: Request) -> Int {
        // One that comes in chunks does not say how large it will be; and one that is refused is not waited for.
        request.incoming?.lower(limit: limit)
        return request.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
    }
}
