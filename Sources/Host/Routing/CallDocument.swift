internal import HostCore
package import HostForms
internal import HostPipeline
internal import HostPlugins
import HostTypedCalls
internal import HostWorkers

/// The OpenAPI 3.1 document of all typed methods that can be called over HTTP.
///
/// A method is chosen by a header, and OpenAPI has one operation for a path and an HTTP method. So each method has a
/// path of its own, with a fragment: `/libm#pow`. A client doesn't send the fragment (RFC 9110, section 7.1), and sends
/// the header, which the operation requires and has one value for. Documents of AWS's APIs do the same.
package struct CallDocument {
    package let json: JSONValue

    package var text: String { json.text }

    /// - Parameter routes: what is described, with the plugins that the backends have now.
    package init(_ routes: RouteSnapshot) {
        var paths: [String: JSONValue] = [:]
        for (_, endpoint) in routes.routed {
            for method in endpoint.typedMethods {
                guard let operation = Operation(method, of: endpoint) else { continue }
                paths[operation.path] = [operation.httpMethod: operation.json]
            }
        }
        json = [
            "openapi": "3.1.0",
            "info": [
                "title": "Backplane", "version": .string(HostVersion.current),
                "description": .string(Self.about),
            ],
            "paths": .object(paths),
            "components": [
                "schemas": [
                    "Problem": [
                        "type": "object",
                        "properties": [
                            "title": ["type": "string"], "status": ["type": "integer"],
                            "detail": ["type": "string"], "request_id": ["type": "string"],
                        ],
                        "required": ["title", "status", "detail"],
                    ]
                ]
            ],
        ]
    }

    private static let about = """
        The typed methods of this host's endpoints. What stands behind # in a path tells methods apart \
        and isn't sent; the header X-SERVE-CALL-METHOD is. The arguments may also be a list by position.
        """

    static let methodHeader = "X-SERVE-CALL-METHOD"
}

/// One method of one endpoint.
private struct Operation {
    let path: String
    let httpMethod: String
    let json: JSONValue

    /// - Returns: nil when the endpoint takes no HTTP method that can bring such arguments.
    init?(_ method: PluginDescriptor.Method, of endpoint: Endpoint) {
        guard let pattern = endpoint.pattern, let signature = method.signature else { return nil }
        let isDefault = method.name == CallMetadata.defaultMethod
        var operation: [String: JSONValue] = [
            "operationId": .string(
                isDefault ? endpoint.name : "\(endpoint.name)_\(method.name)"),
            "tags": [.string(endpoint.name)],
            "description": .string(
                [method.description, MethodInterface(method).signature ?? ""].filter { !$0.isEmpty }
                    .joined(separator: "\n\n")),
            "responses": Self.responses(signature),
        ]
        var parameters = isDefault ? [] : [Self.header(method.name)]
        if endpoint.accepts(httpMethod: "POST") {
            httpMethod = "post"
            operation["requestBody"] = Self.body(signature)
        } else if endpoint.accepts(httpMethod: "GET"), let query = Self.query(signature) {
            httpMethod = "get"
            parameters += query
        } else {
            return nil
        }
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        json = .object(operation)
        // Braces are OpenAPI's; a route has no parameters.
        let plain = pattern.path.replacing("{", with: "%7B").replacing("}", with: "%7D")
        path = (plain.isEmpty ? "/" : plain) + (isDefault ? "" : "#\(method.name)")
    }

    private static func header(_ method: String) -> JSONValue {
        [
            "name": .string(CallDocument.methodHeader), "in": "header", "required": true,
            "description": "The method.",
            "schema": [
                "type": "string", "enum": [.string(method)], "default": .string(method),
            ],
        ]
    }

    private static func body(_ signature: Signature) -> JSONValue? {
        guard !signature.inputs.isEmpty else { return nil }
        let schema = SignatureSchema(signature)
        var content: [String: JSONValue] = ["application/json": ["schema": schema.body]]
        if signature.inputs.count == 1 {
            switch signature.inputs[0].type {
            case .bytes: content["application/octet-stream"] = [:]
            case .string: content["text/plain"] = ["schema": ["type": "string"]]
            default: break
            }
        }
        let isRequired = signature.inputs.contains { !$0.isOptional }
        return ["required": .bool(isRequired), "content": .object(content)]
    }

    /// The arguments in a query; nil when one of them has no name, or is more than one value.
    private static func query(_ signature: Signature) -> [JSONValue]? {
        var parameters: [JSONValue] = []
        for input in signature.inputs {
            guard let name = input.name else { return nil }
            switch input.type {
            case .scalar, .enumeration, .string: break
            default: return nil
            }
            parameters.append([
                "name": .string(name), "in": "query", "required": .bool(!input.isOptional),
                "schema": SignatureSchema.schema(input.type),
            ])
        }
        return parameters
    }

    private static func responses(_ signature: Signature) -> JSONValue {
        var success: [String: JSONValue] = ["description": "The answer."]
        if let answer = SignatureSchema(signature).answer {
            success["content"] = [answer.contentType: ["schema": answer.schema]]
        } else {
            success["description"] = "Nothing."
        }
        let problem: JSONValue = [
            "content": [
                "application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]
            ]
        ]
        func refusal(_ why: String) -> JSONValue {
            guard case .object(var members) = problem else { return problem }
            members["description"] = .string(why)
            return .object(members)
        }
        return [
            "200": .object(success),
            "400": refusal("The arguments are not what the signature says."),
            "default": refusal("The function failed, or the host could not run it in time."),
        ]
    }
}

extension Endpoint {
    /// The typed methods that a call may count on: those that all backends with traffic have alike.
    fileprivate var typedMethods: [PluginDescriptor.Method] {
        let descriptors = backends.compactMap(\.backend.descriptor)
        guard descriptors.count == backends.count, let first = descriptors.first else { return [] }
        return first.methods.filter { method in
            guard let text = method.signature?.text else { return false }
            return descriptors.dropFirst().allSatisfy { other in
                other.methods.contains { $0.name == method.name && $0.signature?.text == text }
            }
        }
    }
}
