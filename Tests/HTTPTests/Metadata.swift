import Foundation

/// What `headers` of the example plugin answers.
struct Metadata: Decodable, Sendable {
    let method: String
    let path: String
    let query: String
    let requestID: String
    let origin: String
    let headers: [[String]]

    enum CodingKeys: String, CodingKey {
        case method, path, query, origin, headers
        case requestID = "request_id"
    }

    init(_ answer: WireResponse) throws {
        self = try JSONDecoder().decode(Metadata.self, from: Data(answer.body))
    }
}
