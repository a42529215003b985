package import HostForms
package import HostTypedCalls

/// JSON Schemas, draft 2020-12, of what a typed method takes and answers.
package struct SignatureSchema: Sendable {
    private let signature: Signature

    package init(_ signature: Signature) {
        self.signature = signature
    }

    // MARK: Arguments

    /// All forms that the arguments may have: an object by name, a list by position, and the value itself if there is
    /// one.
    package var arguments: JSONValue {
        let forms = [object, list, bare].compactMap(\.self)
        return forms.count == 1 ? forms[0] : ["anyOf": .array(forms)]
    }

    /// The form for programs: an object if all arguments have names, or else a list.
    package var body: JSONValue { object ?? list }

    /// By name; nil when an argument has none.
    private var object: JSONValue? {
        let inputs = signature.inputs
        guard inputs.allSatisfy({ $0.name != nil }) else { return nil }
        return Self.object(
            inputs.map {
                ($0.name!, Self.schema($0.type, isOptional: $0.isOptional), !$0.isOptional)
            })
    }

    private var list: JSONValue {
        let inputs = signature.inputs
        let required = (inputs.lastIndex { !$0.isOptional } ?? -1) + 1
        var schema: [String: JSONValue] = [
            "type": "array", "minItems": .integer(Int64(required)),
            "maxItems": .integer(Int64(inputs.count)),
        ]
        if !inputs.isEmpty {
            schema["prefixItems"] = .array(
                inputs.map { Self.schema($0.type, isOptional: $0.isOptional) })
        }
        return .object(schema)
    }

    private var bare: JSONValue? {
        guard signature.inputs.count == 1, let input = signature.inputs.first else { return nil }
        return Self.schema(input.type, isOptional: input.isOptional)
    }

    // MARK: Responses

    /// The content type of a response and its schema; nil for an empty response.
    package var answer: (contentType: String, schema: JSONValue)? {
        let outputs = signature.outputs
        guard let first = outputs.first else { return nil }
        guard outputs.count == 1 else {
            return (
                "application/json",
                Self.object(
                    outputs.map { ($0.name, Self.schema($0.type, isOptional: $0.isOptional), true) }
                )
            )
        }
        switch first.type {
        case .string where !first.isOptional:
            return ("text/plain; charset=utf-8", ["type": "string"])
        // Any bytes: JSON Schema has nothing to say of them.
        case .bytes where !first.isOptional: return ("application/octet-stream", [:])
        default: return ("application/json", Self.schema(first.type, isOptional: first.isOptional))
        }
    }

    // MARK: Types

    private static func schema(_ type: ValueType, isOptional: Bool = false) -> JSONValue {
        let schema = schema(type)
        return isOptional ? ["anyOf": [schema, ["type": "null"]]] : schema
    }

    static func schema(_ type: ValueType) -> JSONValue {
        switch type {
        case .scalar(let scalar): self.schema(scalar)
        case .enumeration(let enumeration):
            ["type": "string", "enum": .array(enumeration.cases.map { .string($0.name) })]
        case .string: ["type": "string"]
        case .bytes: ["type": "string", "contentEncoding": "base64"]
        case .structure(let structure):
            object(
                structure.fields.map { field in
                    (
                        field.name, schema(field.type, isOptional: field.isOptional),
                        !field.isOptional
                    )
                })
        case .array(let element): ["type": "array", "items": schema(element)]
        case .matrix(let scalar):
            ["type": "array", "items": ["type": "array", "items": self.schema(scalar)]]
        case .pointer: ["type": "null"]
        }
    }

    private static func schema(_ scalar: Scalar) -> JSONValue {
        switch scalar {
        case .bool: return ["type": "boolean"]
        case .f32: return ["type": "number", "format": "float"]
        case .f64: return ["type": "number", "format": "double"]
        default: break
        }
        let name = scalar == .size ? "uint64" : "\(scalar.isSigned ? "" : "u")int\(scalar.size * 8)"
        var schema: [String: JSONValue] = [
            "type": "integer", "format": .string(name), "minimum": .integer(scalar.range.least),
        ]
        // The largest number of 64 bits without a sign is none that every reader of JSON has; the format says it.
        if let greatest = Int64(exactly: scalar.range.greatest) {
            schema["maximum"] = .integer(greatest)
        }
        return .object(schema)
    }

    private static func object(
        _ members: [(name: String, schema: JSONValue, isRequired: Bool)]
    ) -> JSONValue {
        [
            "type": "object", "additionalProperties": false,
            "properties": .object(
                Dictionary(uniqueKeysWithValues: members.map { ($0.name, $0.schema) })),
            "required": .array(members.filter(\.isRequired).map { .string($0.name) }),
        ]
    }
}
