/// Where a call came from, and the parts of an HTTP request beside its body.
package struct CallMetadata: Sendable {
    /// The method that is called where nobody names one.
    package static let defaultMethod = "__call__"

    package enum Origin: Sendable {
        case http
        case handle
    }

    package var origin: Origin
    package var httpMethod: String
    package var path: String
    package var query: String
    package var requestID: String
    package var shardKey: String
    /// In the order sent, names in lower case.
    package var headers: [(name: String, value: String)]
    /// Of the client, as a number; empty: not known.
    package var remoteAddress: String
    /// Empty for a handle's call.
    package var scheme: String
    /// Who the caller is, as the `auth` stage found; empty: nobody asked.
    package var subject: String

    package init(
        origin: Origin, httpMethod: String = "", path: String = "", query: String = "",
        requestID: String, shardKey: String = "", headers: [(name: String, value: String)] = [],
        remoteAddress: String = "", scheme: String = "", subject: String = ""
    ) {
        self.origin = origin
        self.httpMethod = httpMethod
        self.path = path
        self.query = query
        self.requestID = requestID
        self.shardKey = shardKey
        self.headers = headers
        self.remoteAddress = remoteAddress
        self.scheme = scheme
        self.subject = subject
    }
}
