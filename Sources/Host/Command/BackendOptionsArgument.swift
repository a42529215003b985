internal import ArgumentParser
internal import HostConfigurationFiles
internal import HostForms

/// `{"num_replicas": 2}`: the settings of a backend, as JSON.
enum BackendOptionsArgument {
    /// - Throws: `ValidationError` that names the key at fault, and the nearest one that there is.
    static func parse(_ text: String) throws -> BackendOptions {
        do throws(ConfigurationError) {
            return try BackendOptions(json: try JSONValue(parsing: text.utf8))
        } catch {
            throw ValidationError(
                error.code == .noJSON
                    ? #"'\#(text)' is no JSON object, such as {"num_replicas": 2}"#
                    : error.description)
        }
    }
}
