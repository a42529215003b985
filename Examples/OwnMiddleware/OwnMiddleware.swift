import AsyncHTTPClient
import Backplane
import BackplaneHummingbird
import HTTPTypes
import Hummingbird
import Logging
import NIOHTTP1

/// A program that brings middleware of its own, and one of Hummingbird's, to the host inside it.
///
///     make build && swift run own-middleware plugins.d
@main struct OwnMiddleware {
    static func main() async throws {
        var configuration = HostConfiguration()
        configuration.pluginsDirectory = CommandLine.arguments.dropFirst().first ?? "plugins.d"
        configuration.configurationFile = CommandLine.arguments.dropFirst(2).first
        configuration.port = 0  // any free one
        // Around all endpoints, the first is the outermost.
        configuration.middleware = [
            HummingbirdStage(CORSMiddleware(allowOrigin: .all)), Tenants(known: ["red", "blue"]),
        ]
        // For the configuration file: `middleware: [shout: {mark: "!"}]`.
        configuration.addMiddleware("shout", options: Shout.Options.self) { Shout($0) }
        var logger = Logger(label: "own-middleware")
        logger.logLevel = .critical
        let host = BackplaneHost(configuration: configuration, logger: logger)

        try await host.run { addresses in
            for tenant in ["red", "green"] {
                var request = HTTPClientRequest(
                    url: "http://\(addresses.host):\(addresses.port)/echo")
                request.method = .POST
                request.headers = ["x-tenant": tenant, "origin": "https://example.com"]
                request.body = .bytes(.init(string: "hello"))
                let answer = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
                let text = String(buffer: try await answer.body.collect(upTo: 1 << 20))
                print(answer.status.code, answer.headers["access-control-allow-origin"], text)
            }
        }
    }
}

/// Lets known tenants in, and tells the plugin and the client which one it was.
struct Tenants: Middleware {
    let known: Set<String>
    private let field = HTTPField.Name("x-tenant")!

    init(known: Set<String>) {
        self.known = known
    }

    func handle(
        _ request: StageRequest, next: (StageRequest) async throws -> StageResponse
    ) async throws -> StageResponse {
        guard let tenant = request.head.headerFields[field], known.contains(tenant) else {
            throw StageRefusal(.forbidden, "there is no such tenant; send a known one in X-Tenant")
        }
        var response = try await next(request)
        response.headerFields[field] = tenant
        return response
    }
}

/// Answers in capitals, also where the plugin streams.
struct Shout: Middleware {
    struct Options: Codable {
        var mark: String?
    }

    let mark: String

    init(_ options: Options) {
        mark = options.mark ?? ""
    }

    func handle(
        _ request: StageRequest, next: (StageRequest) async throws -> StageResponse
    ) async throws -> StageResponse {
        var response = try await next(request)
        guard response.failure == nil else { return response }
        let mark = mark
        response.body = response.body.map { piece in
            ByteBuffer(string: String(buffer: piece).uppercased() + mark)
        }
        return response
    }
}
