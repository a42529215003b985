internal import HostCore
package import HostForms
internal import HostPlugins

/// The admin API as OpenAPI 3.1, which `GET /v1/openapi.json` answers.
///
/// A test compares it with the host's responses: a response, a status or a member that is not in here fails.
package enum AdminDocument {
    /// As the socket serves it: the token is for TCP.
    package static let json = document(security: [.object([:]), token])
    /// As it is served over TCP: nothing without the token.
    package static let jsonOverTCP = document(security: [token])

    private static let token: JSONValue = ["token": []]

    private static func document(security: [JSONValue]) -> JSONValue {
        [
            "openapi": "3.1.0",
            "info": [
                "title": "Backplane admin API", "version": .string(HostVersion.current),
                "description": .string(about),
            ],
            // The host of a URL means nothing on a Unix socket.
            "servers": [["url": "/", "description": "Where this document is from."]],
            "security": .array(security),
            "paths": .object(paths),
            "components": [
                "schemas": .object(schemas),
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer",
                        "description": "What the host's admin_token_file has.",
                    ]
                ],
            ],
        ]
    }

    private static let about = """
        Served on a Unix socket with mode 0600: who can open it may do all of this. Over TCP, where it is served if \
        admin_listen says so, each request needs the token; without it the answer is 401 with WWW-Authenticate, \
        whatever is asked for. Errors are problems (RFC 9457). 400 is for what has another form than this document \
        says; 422 for what has it and can't be done: weights that don't sum to 1, a backend in the body that isn't \
        there, a middleware stage that isn't there, a plugin that fails. HEAD is answered where GET is; another method that a path does not take gets 405 \
        with Allow, an unknown path 404.
        """

    private static var paths: [String: JSONValue] {
        var paths: [String: [String: JSONValue]] = [:]
        for operation in AdminOperation.allCases {
            paths[operation.path, default: [:]][operation.methodName.lowercased()] =
                describe(operation)
        }
        return paths.mapValues { .object($0) }
    }

    private static func describe(_ operation: AdminOperation) -> JSONValue {
        var members: [String: JSONValue] = [
            "operationId": .string(operation.rawValue), "summary": .string(operation.summary),
        ]
        let parameters = pathParameters(of: operation) + operation.parameters
        if !parameters.isEmpty { members["parameters"] = .array(parameters) }
        if let body = operation.body { members["requestBody"] = body }
        var answers = Dictionary(
            uniqueKeysWithValues: operation.problems.map { status in
                ("\(status)", answer("Why it was not done.", AdminAPI.problemType, ref("Problem")))
            })
        answers["401"] = unauthorized
        answers["\(operation.success.status)"] = operation.success.answer
        members["responses"] = .object(answers)
        return .object(members)
    }

    /// Each operation's. A plugin may answer a call so as well, and then there is no challenge.
    private static let unauthorized: JSONValue = [
        "description": "Over TCP: there was no token, or not this host's.",
        "headers": ["WWW-Authenticate": ["schema": ["type": "string"]]],
        "content": .object([AdminAPI.problemType: ["schema": ref("Problem")]]),
    ]

    /// What stands in braces in the path.
    private static func pathParameters(of operation: AdminOperation) -> [JSONValue] {
        operation.path.split(separator: "/").filter { $0.hasPrefix("{") }.map { segment in
            [
                "name": .string(String(segment.dropFirst().dropLast())), "in": "path",
                "required": true, "schema": ["type": "string", "minLength": 1],
            ]
        }
    }

    static func answer(_ about: String, _ type: String, _ schema: JSONValue) -> JSONValue {
        [
            "description": .string(about),
            "content": .object([type: ["schema": schema]]),
        ]
    }

    static func ref(_ schema: String) -> JSONValue {
        ["$ref": .string("#/components/schemas/\(schema)")]
    }
}
