import Foundation

extension TestHost {
    /// Writes a plugin's manifest as an operator would, in one step.
    package func writeManifest(_ plugin: String, _ yaml: String) throws {
        try yaml.write(
            toFile: "\(pluginsDirectory)/\(plugin).yaml", atomically: true, encoding: .utf8)
    }

    package var http: HTTPTestClient { HTTPTestClient(port: port) }
}
