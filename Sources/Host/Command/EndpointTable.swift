internal import HostDeployment

/// The endpoints as `backplane endpoints list` prints them.
struct EndpointTable {
    let text: String

    init(_ endpoints: [EndpointStatus]) {
        guard !endpoints.isEmpty else {
            text =
                "no endpoints; drop a library into the plugins directory, or `endpoints create` one"
            return
        }
        text =
            TextTable(
                header: ["ENDPOINT", "ROUTE", "METHODS", "FROM", "TRAFFIC", "SHADOWS"],
                endpoints.map { endpoint in
                    [
                        endpoint.name, endpoint.route ?? "-",
                        endpoint.methods.joined(separator: ","),
                        endpoint.origin, Self.shares(endpoint.traffic),
                        Self.shares(endpoint.shadows),
                    ]
                }
            ).text
    }

    private static func shares(_ shares: [String: Double]) -> String {
        guard !shares.isEmpty else { return "-" }
        return shares.sorted { $0.key < $1.key }
            .map { tag, share in
                "\(tag)=\(share == share.rounded() ? "\(Int(share))" : "\(share)")"
            }
            .joined(separator: " ")
    }
}
