/// The codings in which bodies are taken and sent.
///
/// Source: RFC 9110, section 8.4.1; `deflate` is the zlib format of RFC 1950.
enum ContentCoding: Sendable, CaseIterable {
    case gzip
    case deflate

    var name: String {
        switch self {
        case .gzip: "gzip"
        case .deflate: "deflate"
        }
    }

    static let names = allCases.map(\.name).joined(separator: ", ")

    /// - Parameter token: in whatever case.
    init?(_ token: Substring) {
        switch token.lowercased() {
        case "gzip", "x-gzip": self = .gzip
        case "deflate": self = .deflate
        default: return nil
        }
    }
}
