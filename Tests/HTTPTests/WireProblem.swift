/// The members of an `application/problem+json` body.
struct WireProblem: Decodable, Sendable {
    let title: String
    let status: Int
    let detail: String
    let requestID: String

    enum CodingKeys: String, CodingKey {
        case title, status, detail
        case requestID = "request_id"
    }
}
