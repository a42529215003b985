package import HostControl

/// What the admin API's requests carry, as JSON.
package enum AdminRequests {
    /// `POST /v1/backends`.
    package struct CreateBackend: Codable, Sendable, AdminRequestBody {
        package var tag: String
        package var plugin: String
        package var config: BackendOptions?

        package init(tag: String, plugin: String, config: BackendOptions?) {
            self.tag = tag
            self.plugin = plugin
            self.config = config
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case tag, plugin, config
        }

        static var members: [String] { CodingKeys.allCases.map(\.rawValue) }
    }

    /// `POST /v1/endpoints`.
    package struct CreateEndpoint: Codable, Sendable, AdminRequestBody {
        package var name: String
        package var backend: String
        package var route: String?
        package var methods: [String]?

        package init(name: String, backend: String, route: String?, methods: [String]?) {
            self.name = name
            self.backend = backend
            self.route = route
            self.methods = methods
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case name, backend, route, methods
        }

        static var members: [String] { CodingKeys.allCases.map(\.rawValue) }
    }

    /// `PUT /v1/endpoints/{name}/shadows/{tag}`.
    package struct Shadow: Codable, Sendable, AdminRequestBody {
        package var share: Double

        package init(share: Double) {
            self.share = share
        }

        enum CodingKeys: String, CodingKey, CaseIterable {
            case share
        }

        static var members: [String] { CodingKeys.allCases.map(\.rawValue) }
    }
}

/// A request's JSON object with members of its own. A name that it hasn't is an error, as in the configuration: what
/// is misspelt is not passed over.
protocol AdminRequestBody {
    static var members: [String] { get }
}

/// The differences that applying a file makes, or has made.
package struct AdminChanges: Codable, Sendable {
    /// A line for each; none: nothing differs.
    package var changes: [String]
    /// The backends that are to be served afterwards.
    package var backends: [String]
}
