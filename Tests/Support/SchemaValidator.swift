package import HostForms

/// Whether a value is what a JSON Schema says, for the keywords that the configuration's schemas use.
///
/// Source: JSON Schema, draft 2020-12, validation vocabulary.
package struct SchemaValidator {
    /// Keywords without a meaning for validation.
    private static let annotations: Set = ["$schema", "title", "description"]

    /// Keywords that were met and are not known: the validator would pass what they forbid.
    package private(set) var unknownKeywords: Set<String> = []

    /// What `$ref` points into, such as an OpenAPI document.
    private let document: JSONValue
    /// Whether an object may have only members that its schema names, also when the schema lets others be.
    private let forbidsUnnamedMembers: Bool

    package init(document: JSONValue = .null, forbidsUnnamedMembers: Bool = false) {
        self.document = document
        self.forbidsUnnamedMembers = forbidsUnnamedMembers
    }

    package mutating func isValid(_ value: JSONValue, _ schema: JSONValue) -> Bool {
        switch schema {
        case .bool(let isAllowed): return isAllowed
        case .object(var keywords):
            if forbidsUnnamedMembers, keywords["properties"] != nil,
                keywords["additionalProperties"] == nil
            {
                keywords["additionalProperties"] = false
            }
            return keywords.allSatisfy { holds($0.key, $0.value, for: value, in: keywords) }
        default: return false
        }
    }

    private mutating func holds(
        _ keyword: String, _ argument: JSONValue, for value: JSONValue,
        in keywords: [String: JSONValue]
    ) -> Bool {
        switch (keyword, argument) {
        case ("type", .string(let type)): return Self.isType(type, value)
        case ("type", .array(let types)):
            return types.contains { type in
                if case .string(let type) = type { Self.isType(type, value) } else { false }
            }
        case ("const", let constant): return value == constant
        case ("enum", .array(let values)): return values.contains(value)
        case ("anyOf", .array(let schemas)):
            for schema in schemas where isValid(value, schema) { return true }
            return false
        case ("not", let schema): return !isValid(value, schema)
        case ("$ref", .string(let pointer)):
            return resolve(pointer).map { isValid(value, $0) } ?? false
        default: break
        }
        switch (value, keyword, argument) {
        case (.object(let members), _, _):
            return holds(keyword, argument, for: members, in: keywords)
        case (.array(let elements), "items", let schema):
            for element in elements where !isValid(element, schema) { return false }
            return true
        case (.object(let members), "minProperties", .integer(let least)):
            return members.count >= least
        case (.object(let members), "maxProperties", .integer(let most)):
            return members.count <= most
        case (.array(let elements), "minItems", .integer(let least)):
            return elements.count >= least
        case (.array(let elements), "maxItems", .integer(let most)): return elements.count <= most
        case (.array(let elements), "uniqueItems", true):
            return Set(elements).count == elements.count
        case (.string(let text), "minLength", .integer(let least)): return text.count >= least
        case (.string(let text), "pattern", .string(let pattern)):
            return (try? Regex(pattern).firstMatch(in: text)) != nil
        case (_, "minimum", let least):
            guard let value = Self.number(value), let least = Self.number(least) else {
                return true
            }
            return value >= least
        case (_, "maximum", let most):
            guard let value = Self.number(value), let most = Self.number(most) else { return true }
            return value <= most
        case (_, "properties", _), (_, "additionalProperties", _), (_, "required", _),
            (_, "propertyNames", _), (_, "items", _), (_, "minItems", _), (_, "maxItems", _),
            (_, "uniqueItems", _), (_, "minLength", _), (_, "pattern", _),
            (_, "minProperties", _), (_, "maxProperties", _):
            // It says something of another type.
            return true
        default:
            if !Self.annotations.contains(keyword) { unknownKeywords.insert(keyword) }
            return true
        }
    }

    private mutating func holds(
        _ keyword: String, _ argument: JSONValue, for members: [String: JSONValue],
        in keywords: [String: JSONValue]
    ) -> Bool {
        switch (keyword, argument) {
        case ("properties", .object(let properties)):
            for (name, value) in members {
                if let schema = properties[name], !isValid(value, schema) { return false }
            }
            return true
        case ("additionalProperties", let schema):
            var known: [String: JSONValue] = [:]
            if case .object(let properties) = keywords["properties"] { known = properties }
            for (name, value) in members where known[name] == nil {
                if !isValid(value, schema) { return false }
            }
            return true
        case ("required", .array(let names)):
            return names.allSatisfy { name in
                if case .string(let name) = name { members[name] != nil } else { false }
            }
        case ("propertyNames", let schema):
            for name in members.keys where !isValid(.string(name), schema) { return false }
            return true
        default: return true
        }
    }

    /// - Parameter pointer: `#/a/b`.
    private func resolve(_ pointer: String) -> JSONValue? {
        pointer.split(separator: "/").dropFirst().reduce(document) { value, name in
            if case .object(let members)? = value { members[String(name)] } else { nil }
        }
    }

    private static func isType(_ type: String, _ value: JSONValue) -> Bool {
        switch (type, value) {
        case ("null", .null), ("boolean", .bool), ("integer", .integer), ("number", .integer),
            ("number", .number), ("string", .string), ("array", .array), ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }

    private static func number(_ value: JSONValue) -> Double? {
        switch value {
        case .integer(let value): Double(value)
        case .number(let value): value
        default: nil
        }
    }
}
