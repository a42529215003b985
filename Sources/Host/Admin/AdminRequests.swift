package import HostControl

/// What the admin API's requests carry, as JSON.
package enum AdminRequests {
    /// `POST /v1/backends`.
    package struct CreateBackend: Codable, Sendable {
        package var tag: String
        package var plugin: String
        package var config: BackendOptions?

        package init(tag: String, plugin: String, config: BackendOptions?) {
            self.tag = tag
            self.plugin = plugin
            self.config = config
        }
    }

    /// `POST /v1/endpoints`.
    package struct CreateEndpoint: Codable, Sendable {
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
    }

    /// `PUT /v1/endpoints/{name}/shadows/{tag}`.
    package struct Shadow: Codable, Sendable {
        package var share: Double

        package init(share: Double) {
            self.share = share
        }
    }
}

/// The differences that applying a file makes, or has made.
package struct AdminChanges: Codable, Sendable {
    /// A line for each; none: nothing differs.
    package var changes: [String]
    /// The backends that are to be served afterwards.
    package var backends: [String]
}
