internal import HostDeployment
internal import HostLogging

/// The plugins as `backplane list` prints them: a table, and below it why some are not served.
struct PluginTable {
    let text: String

    init(_ plugins: [PluginStatus]) {
        guard !plugins.isEmpty else {
            text = "no plugins; drop a lib<name>.so into the plugins directory"
            return
        }
        let table = TextTable(
            header: ["PLUGIN", "VERSION", "GENERATION", "STATE", "METHODS", "PATH"],
            plugins.map(Self.row))
        let remarks = plugins.flatMap(Self.remarks).map(LogLine.escaped)
        text = ([table.text] + remarks).joined(separator: "\n")
    }

    private static func row(_ plugin: PluginStatus) -> [String] {
        [
            plugin.name,
            plugin.version ?? "-",
            plugin.generation.map(String.init) ?? "-",
            plugin.state.rawValue,
            plugin.methods.isEmpty ? "-" : plugin.methods.joined(separator: ","),
            plugin.path,
        ]
    }

    static func remarks(_ plugin: PluginStatus) -> [String] {
        var remarks: [String] = []
        if let reason = plugin.reason {
            // What is wrong with a manifest begins with its place.
            let isPlaced = reason.hasPrefix("\(plugin.path):")
            remarks.append(isPlaced ? reason : "\(plugin.path): \(reason)")
        }
        if let number = plugin.rolledBackTo {
            remarks.append(
                "\(plugin.name): rolled back to version \(number) of its library; a file with another content ends that"
            )
        }
        if let scaling = plugin.autoscaling { remarks.append(remark(plugin, scaling)) }
        if !plugin.processes.isEmpty {
            remarks.append("\(plugin.name): in worker processes: \(list(plugin.processes))")
        }
        if !plugin.demotedMethods.isEmpty {
            remarks.append(
                "\(plugin.name): \(plugin.demotedMethods.joined(separator: ", ")) overstayed as INLINE "
                    + "and runs on a replica thread")
        }
        if let reason = plugin.lastReplacement {
            remarks.append(
                "\(plugin.name): replicas replaced: \(plugin.replacedReplicas); the last one because: \(reason)"
            )
        }
        if plugin.calls.misuses > 0 {
            remarks.append(
                "\(plugin.name): uses against the contract: \(plugin.calls.misuses); see the log")
        }
        if !plugin.drainingGenerations.isEmpty {
            remarks.append(
                "\(plugin.name): finishing calls: generation \(list(plugin.drainingGenerations))")
        }
        if !plugin.retiredGenerations.isEmpty {
            remarks.append(
                "\(plugin.name): retired, still mapped: generation \(list(plugin.retiredGenerations))"
            )
        }
        return remarks
    }

    private static func remark(
        _ plugin: PluginStatus, _ scaling: PluginStatus.Autoscaling
    ) -> String {
        let replicas = plugin.replicas == 1 ? "1 replica" : "\(plugin.replicas) replicas"
        let isUnderWay = plugin.replicas != scaling.targetReplicas
        return "\(plugin.name): autoscaling: \(replicas) of \(scaling.minReplicas) to "
            + "\(scaling.maxReplicas), " + (isUnderWay ? "to be \(scaling.targetReplicas), " : "")
            + "\((scaling.ongoingCalls * 10).rounded() / 10) ongoing calls"
    }

    private static func list(_ numbers: [Int]) -> String {
        numbers.map(String.init).joined(separator: ", ")
    }
}
