import HostLoader
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostRouting
@testable import HostState

@Suite struct PluginNameTests {
    @Test(
        "a library's name is its file's, without lib and .so",
        arguments: [
            ("libfoo.so", "foo"), ("foo.so", "foo"), ("lib.so.so", ".so"), ("liblib.so", "lib"),
        ])
    func names(file: String, name: String) {
        #expect(PluginName.from(file: file) == name)
    }

    @Test(
        "other files are no libraries",
        arguments: [".libfoo.so", "libfoo.so.1", "libfoo.so.tmp", "README.md", "lib.so", ".so", ""])
    func others(file: String) {
        #expect(PluginName.from(file: file) == nil)
    }

    @Test("a manifest belongs to the plugin of its name")
    func manifests() {
        #expect(PluginName.from(manifest: "foo.yaml") == "foo")
        #expect(PluginName.from(manifest: ".foo.yaml") == nil)
        #expect(PluginName.from(manifest: "foo.yml") == nil)
    }

    @Test(
        "a name is valid when it can stand in a route",
        arguments: [
            ("foo", true), ("foo-1.2_b", true), ("1", true), ("-", false), ("_a", false),
            ("a b", false),
            ("a/b", false), ("é", false), ("", false), ("a?b", false),
        ])
    func validity(name: String, isValid: Bool) {
        #expect(PluginName.isValid(name) == isValid)
    }
}
