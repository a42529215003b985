internal import Foundation

extension BackendOptions {
    /// What is set, by the keys of a configuration file.
    var valuesByKey: [String: JSONValue] {
        guard let data = try? JSONEncoder().encode(self) else { return [:] }
        return (try? JSONDecoder().decode([String: JSONValue].self, from: data)) ?? [:]
    }
}

extension JSONValue {
    /// One line, with its keys in order; a text stands without quotes.
    var text: String {
        if case .string(let text) = self { return text }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? "?"
    }
}
