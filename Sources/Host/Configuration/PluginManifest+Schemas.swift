package import HostForms
internal import HostRouting

extension PluginManifest {
    /// The JSON Schema of a manifest.
    package static let schema = ConfigurationSchema.document(
        form, title: "A manifest of a Backplane plugin",
        about: "plugins.d/<name>.yaml beside lib<name>.so: how the plugin is run.")
}

extension HostFile {
    /// The JSON Schema of `backplane.yaml`.
    package static let schema = ConfigurationSchema.document(
        form, title: "The configuration of a Backplane host",
        about: "backplane.yaml: where the host listens, its limits, backends and endpoints.")
}

extension BackendOptions {
    /// The JSON Schema of a backend's options, to stand within another document.
    package static let schema = JSONValue.object(form.schema)
}

extension HostFile.Endpoint {
    /// The JSON Schemas of the route and of the methods, to stand within another document.
    package static let routeSchema = JSONValue.object(EndpointForms.route.schema)
    package static let methodsSchema = JSONValue.object(EndpointForms.methods.schema)
}
