internal import HostDeployment
internal import HostRouting

/// A plugin as `backplane list <plugin>` prints it: a line for each thing that there is to be said.
struct PluginDetails {
    let text: String

    init(_ plugin: PluginStatus, _ methods: [MethodInterface]) {
        var rows: [(String, String)] = [("plugin", plugin.name), ("state", plugin.state.rawValue)]
        func add(_ name: String, _ value: String?) {
            if let value, !value.isEmpty { rows.append((name, value)) }
        }
        add("version", plugin.version)
        add("description", plugin.description)
        add("path", plugin.path)
        add("generation", plugin.generation.map(String.init))
        add("rolled back to", plugin.rolledBackTo.map { "version \($0) of its library" })
        add("route", plugin.route)
        add("backends", plugin.backends.joined(separator: ", "))
        add("middleware of", plugin.middlewareOf.joined(separator: ", "))
        add("replicas", "\(plugin.replicas)")
        add("calls", "\(plugin.calls.waiting) waiting, \(plugin.calls.running) running")
        let signatures = methods.map { method in
            method.signature.map { "\(method.name): \($0)" } ?? method.name
        }
        for (index, signature) in signatures.enumerated() {
            rows.append((index == 0 ? "methods" : "", signature))
        }
        let width = rows.map(\.0.count).max() ?? 0
        let lines = rows.map { name, value in
            name + String(repeating: " ", count: width - name.count + 2) + value
        }
        text = (lines + PluginTable.remarks(plugin)).joined(separator: "\n")
    }
}
