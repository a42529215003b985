internal import Foundation
internal import HostForms

extension BackendOptions {
    /// What is set, by the keys of a configuration file.
    var valuesByKey: [String: JSONValue] {
        guard let data = try? JSONEncoder().encode(self) else { return [:] }
        return (try? JSONDecoder().decode([String: JSONValue].self, from: data)) ?? [:]
    }
}
