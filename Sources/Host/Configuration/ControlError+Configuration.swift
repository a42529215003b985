package import HostCore
package import HostForms

extension ControlError {
    /// What is wrong with a configuration that somebody sent.
    package init(_ error: ConfigurationError) {
        let code: Code =
            switch error.code {
            case .conflict: .contradiction
            case .unknownBackend: .noSuchBackend
            default: .invalid
            }
        self.init(code, error.description, cause: error)
    }
}
