internal import ArgumentParser
internal import Foundation
internal import HostControl

/// `{"num_replicas": 2}`: the settings of a backend, as JSON.
struct BackendOptionsArgument: ExpressibleByArgument {
    let options: BackendOptions

    init?(argument: String) {
        guard
            let options = try? JSONDecoder().decode(
                BackendOptions.self, from: Data(argument.utf8))
        else { return nil }
        self.options = options
    }
}
