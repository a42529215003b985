import Foundation
import HostAdmin
import HostForms
import TestSupport
import Testing

/// A host's admin API, each of whose answers is compared with what the document says of it.
struct DocumentedAPI {
    typealias Response = HTTPTestClient.Response

    private let client: HTTPTestClient

    init(_ host: HostProcess) {
        client = HTTPTestClient(socket: host.adminSocket)
    }

    /// Asks, and records an issue for a response that is not as documented.
    ///
    /// - Parameters:
    ///   - values: what stands for the path's parameters, in order.
    ///   - isJSON: whether the body is JSON that the document is asked about.
    @discardableResult
    func ask(
        _ operation: AdminOperation, _ values: String..., query: String = "",
        headers: [String: String] = [:], body: String = "", isJSON: Bool = true,
        gives status: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Response {
        var values = values[...]
        let segments = operation.path.split(separator: "/").map { segment in
            segment.hasPrefix("{") ? Substring(values.removeFirst()) : segment
        }
        let answer = try await client.send(
            operation.methodName, "/" + segments.joined(separator: "/") + query, headers: headers,
            body: body)
        #expect(answer.status == status, "\(answer.text)", sourceLocation: sourceLocation)
        let documented = try #require(
            Self.member(
                AdminDocument.json, "paths", operation.path, operation.methodName.lowercased()),
            sourceLocation: sourceLocation)
        try check(answer, documented, sourceLocation)
        let schema = Self.member(documented, "requestBody", "content", "application/json", "schema")
        if let schema, isJSON {
            let value = try JSONDecoder().decode(JSONValue.self, from: Data(body.utf8))
            // What is done has a request as documented. What is refused may have one, for what no schema tells.
            #expect(
                status >= 400 || Self.isValid(value, schema), "\(body)",
                sourceLocation: sourceLocation)
        }
        return answer
    }

    private func check(
        _ answer: Response, _ operation: JSONValue, _ sourceLocation: SourceLocation
    ) throws {
        let response = try #require(
            Self.member(operation, "responses", "\(answer.status)"),
            "\(answer.status) is not documented", sourceLocation: sourceLocation)
        guard let contents = Self.member(response, "content") else {
            #expect(answer.body.isEmpty, sourceLocation: sourceLocation)
            return
        }
        let type = answer.headers["content-type"] ?? ""
        let content = try #require(
            Self.member(contents, type) ?? Self.member(contents, "*/*"),
            "\(type) is not documented", sourceLocation: sourceLocation)
        guard type.hasSuffix("json"), let schema = Self.member(content, "schema") else { return }
        let value = try JSONDecoder().decode(JSONValue.self, from: Data(answer.body))
        #expect(Self.isValid(value, schema), "\(answer.text)", sourceLocation: sourceLocation)
        if answer.status >= 400 {
            #expect(
                Self.member(value, "status") == .integer(Int64(answer.status)),
                sourceLocation: sourceLocation)
        }
    }

    private static func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        var validator = SchemaValidator(
            document: AdminDocument.json, forbidsUnnamedMembers: true)
        let isValid = validator.isValid(value, schema)
        #expect(validator.unknownKeywords == [])
        return isValid
    }

    static func member(_ value: JSONValue, _ names: String...) -> JSONValue? {
        names.reduce(value) { value, name in
            if case .object(let members)? = value { members[name] } else { nil }
        }
    }
}
