import Foundation

/// An HTTP response as it came.
struct WireResponse: Sendable {
    let statusLine: String
    let status: Int
    /// In the order sent, names as sent.
    let headers: [(name: String, value: String)]
    var body: [UInt8] = []
    /// The sizes of the chunks that the body came in, the last one of 0 bytes among them; empty when it came in none.
    var chunks: [Int] = []

    init(head: String) throws {
        let lines = head.components(separatedBy: "\r\n")
        let words = lines[0].split(separator: " ", maxSplits: 2)
        guard words.count >= 2, let status = Int(words[1]) else {
            throw Wire.Unreadable(description: head)
        }
        statusLine = lines[0]
        self.status = status
        headers = try lines.dropFirst().map { line in
            guard let colon = line.firstRange(of: ": ") else {
                throw Wire.Unreadable(description: head)
            }
            return (String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
        }
    }

    /// A header that must not come twice.
    subscript(name: String) -> String? {
        let values = headers.filter { $0.name.lowercased() == name }.map(\.value)
        precondition(values.count < 2, "\(name) came \(values.count) times")
        return values.first
    }

    var text: String { String(decoding: body, as: UTF8.self) }

    /// Whether the host says that this was the connection's last response.
    var closes: Bool { self["connection"] == "close" }

    /// The body as the problem that it has to be.
    var problem: WireProblem? {
        guard self["content-type"] == "application/problem+json" else { return nil }
        return try? JSONDecoder().decode(WireProblem.self, from: Data(body))
    }
}
