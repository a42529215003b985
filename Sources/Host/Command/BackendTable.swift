internal import HostDeployment

/// The backends as `backplane backends list` prints them: a table, and below it why some are not served.
struct BackendTable {
    let text: String

    init(_ backends: [BackendStatus]) {
        guard !backends.isEmpty else {
            text =
                "no backends; drop a library into the plugins directory, or `backends create` one"
            return
        }
        let table = TextTable(
            header: ["BACKEND", "PLUGIN", "FROM", "GENERATION", "REPLICAS", "WAITING", "RUNNING"],
            backends.map { backend in
                let serving = backend.serving
                return [
                    backend.tag, backend.plugin, backend.origin,
                    serving.generation.map(String.init) ?? "-",
                    "\(serving.replicas)/\(serving.targetReplicas)", "\(serving.waiting)",
                    "\(serving.running)",
                ]
            })
        let reasons = backends.compactMap { backend in
            backend.serving.reason.map { "\(backend.tag): \($0)" }
        }
        text = ([table.text] + reasons).joined(separator: "\n")
    }
}
