/// Why a host could not start, in one line for people.
public struct HostError: Error, CustomStringConvertible {
    /// What happened and what to do next.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
