internal import HostCore

/// The admin API: JSON over HTTP, on a Unix socket that only its owner may use, and over TCP with a token.
///
/// | request | response |
/// | --- | --- |
/// | `GET /v1/plugins` | an array of `PluginStatus` |
/// | `GET /v1/plugins/{name}/methods` | an array of `MethodInterface`, empty while it isn't served; 404 unknown |
/// | `POST /v1/plugins/{name}/reload` | the plugin's `PluginStatus`; 404 unknown, 422 not loadable |
/// | `POST /v1/plugins/{name}/restart?replica={index}` | the same; without a query all replicas |
/// | `GET /v1/plugins/{name}/versions` | an array of `LibraryVersions.Version`, the newest first |
/// | `POST /v1/plugins/{name}/rollback` with ``AdminRequests/Rollback`` | the plugin's `PluginStatus` |
/// | `GET /v1/backends`, `GET /v1/backends/{tag}` | `BackendStatus`, an array or one |
/// | `POST /v1/backends` with ``AdminRequests/CreateBackend`` | 201 and its `BackendStatus`; 409 the tag is taken |
/// | `PATCH /v1/backends/{tag}` with `BackendOptions` | merges what is set |
/// | `DELETE /v1/backends/{tag}?force=true` | 204; 404 unknown; without force 409 while endpoints use it |
/// | `GET /v1/endpoints`, `GET /v1/endpoints/{name}` | `EndpointStatus`, an array or one |
/// | `POST /v1/endpoints` with ``AdminRequests/CreateEndpoint`` | 201 and its `EndpointStatus` |
/// | `DELETE /v1/endpoints/{name}` | 204; 404 unknown |
/// | `PUT /v1/endpoints/{name}/traffic` with weights by tag | its `EndpointStatus` |
/// | `PUT /v1/endpoints/{name}/shadows/{tag}` with ``AdminRequests/Shadow`` | its `EndpointStatus` |
/// | `GET /v1/middleware` | an array of `ChainStatus`: the host's chain, then those of the backends |
/// | `GET /v1/configuration` | the running state as YAML |
/// | `PUT /v1/configuration?file={name}&dry_run=true` with YAML | ``AdminChanges``; 400 names file, line and column |
/// | `GET /v1/configurations` | an array of `ConfigurationRevision`, the newest, which is the present one, first |
/// | `POST /v1/rollback` with ``AdminRequests/Rollback`` | ``AdminChanges`` |
/// | `POST /v1/endpoints/{name}/call` | the plugin's response; the method in `X-SERVE-CALL-METHOD` |
/// | `GET /v1/openapi.json` | ``AdminDocument``: all of this as OpenAPI 3.1, with every status and schema |
///
/// Changes wait until what they need serves, for `timeout` seconds of the query at most; 422 if something can't, and
/// nothing has changed then. With `allow_missing=true` a backend may name a plugin that is not there yet.
///
/// Errors are ``AdminProblem`` as `application/problem+json`, also for unknown paths (404), for methods that a path
/// does not take (405 with `Allow`) and for bodies that are too long (413); over TCP also for requests without the
/// token (401 with `WWW-Authenticate`).
enum AdminAPI {
    static let plugins = "/v1/plugins"
    static let backends = "/v1/backends"
    static let endpoints = "/v1/endpoints"
    static let middleware = "/v1/middleware"
    static let configuration = "/v1/configuration"
    static let configurations = "/v1/configurations"
    static let rollback = "/v1/rollback"
    static let document = "/v1/openapi.json"
    static let methodHeader = "X-SERVE-CALL-METHOD"
    static let timeoutHeader = "X-Request-Timeout-Seconds"
    static let challenge = "Bearer"
    static let problemType = "application/problem+json"
    /// The largest body of a call, in bytes, both ways.
    static let maxBodySize = 64 << 20
    /// What the bodies of all calls under way may have, in bytes.
    static let maxBodiesSize = 256 << 20

    /// - Returns: nil when the text is no positive number of seconds, or one that nobody lives to see.
    static func timeout(_ text: String) -> Duration? {
        guard let seconds = Double(text), seconds > 0, seconds < 1e9 else { return nil }
        return .seconds(seconds)
    }

    static func methods(_ plugin: String) -> String { "/v1/plugins/\(escape(plugin))/methods" }
    static func reload(_ plugin: String) -> String { "/v1/plugins/\(escape(plugin))/reload" }
    static func versions(_ plugin: String) -> String { "/v1/plugins/\(escape(plugin))/versions" }
    static func rollback(_ plugin: String) -> String { "/v1/plugins/\(escape(plugin))/rollback" }
    static func restart(_ plugin: String, replica: Int?) -> String {
        "/v1/plugins/\(escape(plugin))/restart" + (replica.map { "?replica=\($0)" } ?? "")
    }
    /// - Parameter timeout: in seconds; nil: none.
    static func limits(timeout: Double?, allowsMissing: Bool) -> String {
        let parts =
            [timeout.map { "timeout=\($0)" }, allowsMissing ? "allow_missing=true" : nil]
            .compactMap { $0 }
        return parts.isEmpty ? "" : "?" + parts.joined(separator: "&")
    }
    static func backend(_ tag: String) -> String { "\(backends)/\(escape(tag))" }
    static func endpoint(_ name: String) -> String { "\(endpoints)/\(escape(name))" }
    static func shadow(_ endpoint: String, _ tag: String) -> String {
        "\(self.endpoint(endpoint))/shadows/\(escape(tag))"
    }
    static func call(_ endpoint: String) -> String { "/v1/endpoints/\(escape(endpoint))/call" }

    /// Percent-encodes a path segment (RFC 3986, section 2.3: what is unreserved stays).
    static func escape(_ segment: String) -> String {
        segment.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                return String(UnicodeScalar(byte))
            default:
                let hex = String(byte, radix: 16, uppercase: true)
                return hex.count == 1 ? "%0\(hex)" : "%\(hex)"
            }
        }.joined()
    }
}

/// An error response of the admin API (RFC 9457).
struct AdminProblem: Codable, Sendable {
    var title: String
    var status: Int
    var detail: String
}
