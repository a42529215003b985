import Backplane
import TestSupport

extension TestHost {
    var http: HTTPTestClient { HTTPTestClient(port: port) }

    /// One change of the configuration, for `run`.
    static func setting<Value>(
        _ member: WritableKeyPath<HostConfiguration, Value>, _ value: Value
    ) -> (inout HostConfiguration) -> Void {
        { $0[keyPath: member] = value }
    }
}
