package import NIOHTTP1

/// What a request says beside its body, as it was sent. An object that whoever reads requests has anyway, so that
/// the stages see it without a copy.
package protocol SentHead: AnyObject, Sendable {
    var httpMethod: String { get }
    /// Still percent-encoded.
    var path: String { get }
    /// Still percent-encoded, without "?".
    var query: String { get }
    /// In the order sent.
    var headers: HTTPHeaders { get }
    /// The plugin's method that is called.
    var method: String { get }
    var contentType: String { get }
    var shardKey: String { get }
}
