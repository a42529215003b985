import Foundation
import HostCore
import HostWorkers
import TestSupport
import Testing

@testable import HostLoader
@testable import HostPlugins

/// Plugins that bring libraries along, which they find by `$ORIGIN`.
@Suite(.enabled(if: Sanitizer.current == nil)) struct BundledLibraryTests {
    private let directory: TemporaryDirectory
    private let plugins: String

    init() throws {
        directory = try TemporaryDirectory()
        plugins = try directory.makeDirectory("plugins.d")
    }

    /// Compiles `const char *NAME(void)`, which returns a text, or calls another one.
    private func library(
        _ name: String, in folder: String, returns text: String, options: [String] = []
    ) throws -> String {
        let folder = try directory.makeDirectory(folder)
        let source = directory.file("\(name).c")
        let isCall = text.hasSuffix("()")
        try """
        \(isCall ? "const char *\(text.dropLast(2))(void);" : "")
        const char *\(name)(void);
        const char *\(name)(void) { return \(isCall ? text : "\"\(text)\""); }

        """.write(toFile: source, atomically: true, encoding: .utf8)
        let path = "\(folder)/lib\(name).so.1"
        try Tool.run(
            "cc",
            [
                "-fPIC", "-shared", "-Wl,--no-as-needed", "-Wl,-soname,lib\(name).so.1", source,
                "-o", path,
            ]
                + options)
        return path
    }

    /// Compiles a plugin that answers what a function of its libraries returns.
    private func plugin(_ file: String, calls function: String, options: [String]) throws -> String
    {
        let made = try PluginSource.library(
            in: directory, method: ["invoke": "helped"],
            declarations: """
                const char *\(function)(void);
                static void helped(
                    backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
                    (void)self;
                    (void)count;
                    (void)answer;
                    backplane_finish_text(calls[0], "text/plain", \(function)());
                }
                """, options: ["-Wl,--no-as-needed"] + options)
        let path = "\(plugins)/\(file)"
        try? FileManager.default.removeItem(atPath: path)
        try FileManager.default.moveItem(atPath: made, toPath: path)
        return path
    }

    @Test(
        "a library beside the plugin, or below it, is found as in place",
        arguments: [
            ("", "$ORIGIN"), ("/x.libs", "$ORIGIN/x.libs"),
            ("/x.libs", "/nowhere:${ORIGIN}/none:${ORIGIN}/x.libs"),
        ], ["--enable-new-dtags", "--disable-new-dtags"])
    func places(place: (folder: String, path: String), tags: String) throws {
        let helper = try library("helper", in: "plugins.d" + place.folder, returns: "help")
        let plugin = try plugin(
            "libx.so", calls: "helper", options: [helper, "-Wl,\(tags),-rpath,\(place.path)"])
        let loaded = try LoadedPlugin(plugin)
        #expect(try loaded.call().text == "help")
    }

    @Test("libraries of libraries are found by their own paths, with versions of their symbols")
    func transitive() throws {
        let deep = try library("deep", in: "plugins.d/deep", returns: "deep")
        let map = directory.file("versions.map")
        try "V_1 { global: helper; local: *; };\n".write(
            toFile: map, atomically: true, encoding: .utf8)
        let helper = try library(
            "helper", in: "plugins.d/x.libs", returns: "deep()",
            options: [deep, "-Wl,-rpath,$ORIGIN/../deep", "-Wl,--version-script=\(map)"])
        let plugin = try plugin(
            "libx.so", calls: "helper",
            options: [helper, "-Wl,-rpath,$ORIGIN/x.libs", "-Wl,-rpath-link,\(plugins)/deep"])
        #expect(try LoadedPlugin(plugin).call().text == "deep")
    }

    @Test("each generation has the version that it was loaded with, and each plugin its own copy")
    func generations() throws {
        let helper = try library("helper", in: "plugins.d/x.libs", returns: "one")
        let options = [helper, "-Wl,-rpath,$ORIGIN/x.libs"]
        let plugin = try plugin("libx.so", calls: "helper", options: options)
        let store = try LibraryStore()
        let first = try LoadedPlugin(plugin, store: store)
        let before = try store.copy(plugin, name: "test").fingerprint
        _ = try library("helper", in: "plugins.d/x.libs", returns: "two")
        #expect(try store.copy(plugin, name: "test").fingerprint != before)
        let second = try LoadedPlugin(plugin, store: store)
        #expect(try first.call().text == "one")
        #expect(try second.call().text == "two")

        let other = try library("helper", in: "plugins.d/y.libs", returns: "other")
        let stranger = try self.plugin(
            "liby.so", calls: "helper", options: [other, "-Wl,-rpath,$ORIGIN/y.libs"])
        #expect(try LoadedPlugin(stranger, store: store).call().text == "other")
    }

    @Test("a library above the plugin's directory is found, and not copied")
    func above() throws {
        // Another name than elsewhere: it is loaded as it is, and stays.
        let helper = try library("upper", in: "lib", returns: "above")
        let plugin = try plugin(
            "libx.so", calls: "upper", options: [helper, "-Wl,-rpath,$ORIGIN/../lib"])
        let store = try LibraryStore()
        #expect(try store.copy(plugin, name: "test").companions.isEmpty)
        #expect(try LoadedPlugin(plugin, store: store).call().text == "above")
    }

    @Test("a damaged library that a plugin brings along is named, and so is one that is missing")
    func refused() throws {
        let helper = try library("helper", in: "plugins.d/x.libs", returns: "help")
        let plugin = try plugin(
            "libx.so", calls: "helper", options: [helper, "-Wl,-rpath,$ORIGIN/x.libs"])
        try Data("none".utf8).write(to: URL(fileURLWithPath: helper))
        let error = try LoadedPlugin.refusal(of: plugin)
        #expect(error.message.hasPrefix("it needs \(helper): not a shared library"))
        #expect(error.files == [helper])

        try FileManager.default.removeItem(atPath: helper)
        let store = try LibraryStore()
        #expect(try store.copy(plugin, name: "test").related == [helper])
        #expect(try LoadedPlugin.refusal(of: plugin).message.contains("libhelper.so.1"))
    }

    @Test("copies go with the one that they were made for")
    func discarded() throws {
        let helper = try library("helper", in: "plugins.d/x.libs", returns: "help")
        let plugin = try plugin(
            "libx.so", calls: "helper", options: [helper, "-Wl,-rpath,$ORIGIN/x.libs"])
        let store = try LibraryStore()
        let copy = try store.copy(plugin, name: "test")
        #expect(copy.companions.map(\.source) == [helper])
        store.discard(copy)
        #expect(try FileManager.default.contentsOfDirectory(atPath: store.directory) == ["lock"])
    }
}
