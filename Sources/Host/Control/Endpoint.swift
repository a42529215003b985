package import HostDispatch

/// A name, with a route and the HTTP methods it takes, and the backend that answers.
package struct Endpoint: Sendable {
    package let name: String
    /// Matched exactly, such as `/echo`.
    package let route: String
    /// The HTTP methods it takes. HEAD is taken wherever GET is.
    package let httpMethods: [String]
    package let backend: Backend

    /// The endpoint that a dropped plugin gets with no configuration at all.
    package init(servingPlugin name: String, backend: Backend) {
        self.name = name
        route = "/\(name)"
        httpMethods = ["GET", "POST"]
        self.backend = backend
    }

    package func accepts(httpMethod: String) -> Bool {
        httpMethods.contains(httpMethod) || httpMethod == "HEAD" && httpMethods.contains("GET")
    }
}
