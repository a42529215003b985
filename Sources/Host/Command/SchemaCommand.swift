internal import ArgumentParser
internal import HostConfigurationFiles
internal import HostForms

struct SchemaCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "schema",
        abstract:
            "Prints the JSON Schema of backplane.yaml, or of a plugin's manifest, for editors.",
        discussion: "# yaml-language-server: $schema=<file> in a YAML file's first line names it.")

    @Flag(help: "That of a plugin's manifest.")
    var manifest = false

    func run() {
        print(manifest ? PluginManifest.schema.prettyText : HostFile.schema.prettyText)
    }
}
