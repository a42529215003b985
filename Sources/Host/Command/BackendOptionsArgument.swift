internal import ArgumentParser
internal import Foundation
internal import HostControl
internal import HostForms

/// `{"num_replicas": 2}`: the settings of a backend, as JSON.
enum BackendOptionsArgument {
    /// - Throws: `ValidationError` that names the key at fault, and the nearest one that there is.
    static func parse(_ text: String) throws -> BackendOptions {
        do {
            return try JSONDecoder().decode(BackendOptions.self, from: Data(text.utf8))
        } catch let error as ConfigurationError {
            throw ValidationError(error.description)
        } catch {
            throw ValidationError(#"'\#(text)' is no JSON object, such as {"num_replicas": 2}"#)
        }
    }
}
