import HostCore
import HostLoader
import HostPlugins
import HostWorkers
import Logging
import TestSupport
import Testing

/// The log that a plugin writes into the host's.
@Suite struct PluginLogTests {
    private let plugin: LoadedPlugin

    init() throws {
        plugin = try LoadedPlugin(fixture: "logs")
    }

    @Test("a line has the plugin's name, its level and where it comes from")
    func line() throws {
        try plugin.call("__call__", "hello")
        #expect(plugin.log.text == ["warning hello plugin=test source=plugin"])
    }

    @Test("a line about a call has its request id, and the fields that the plugin gave")
    func about() throws {
        try plugin.call("about", "hello")
        #expect(
            plugin.log.text == [
                "warning hello model=large plugin=test request_id=test source=plugin "
                    + "two_words_1=a b",
                "warning after model=large plugin=test source=plugin",
            ])
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("a plugin can ask which levels the log takes")
    func enabled() throws {
        #expect(try plugin.call("enabled").text == "1 1 1 1")
        let store = try LibraryStore()
        var logger = TestLog().logger
        logger.logLevel = .warning
        let generation = try LoadedPlugin.load(
            try Fixture.library("logs"), from: store, logger: logger)
        let instance = try PluginInstance(
            of: generation, replica: 0, backend: "test", userConfig: "null")
        let call = TestCall()
        let method = try #require(generation.descriptor.methodIndex(named: "enabled"))
        instance.invoke(method: method, calls: [call])
        #expect(call.text == "0 0 1 1")
        instance.destroy()
        _ = generation.unload()
    }

    @Test("records that can't be used are counted and not logged")
    func broken() throws {
        try plugin.call("broken", "hello")
        #expect(plugin.generation.violations.count(.invalidStruct) == 3)
        #expect(plugin.log.count(containing: "hello") == 0)
    }

    @Test("an empty line is logged as one")
    func empty() throws {
        try plugin.call()
        #expect(plugin.log.text == ["warning  plugin=test source=plugin"])
    }

    @Test("bytes that are no text are replaced")
    func notUTF8() throws {
        try plugin.run(TestCall([0x61, 0xFF, 0xC3, 0x28, 0x62]))
        #expect(plugin.log.text == ["warning a\u{FFFD}\u{FFFD}(b plugin=test source=plugin"])
    }

    @Test("a line over 1 MiB is counted as misuse and not logged")
    func tooLong() throws {
        try plugin.run(TestCall([UInt8](repeating: 0x61, count: (1 << 20) + 1)))
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
        #expect(plugin.log.count(containing: "aaaa") == 0)
    }

    @Test(
        "the levels are the header's, and an unknown one is info",
        arguments: [
            ("BACKPLANE_LOG_DEBUG", "debug"), ("BACKPLANE_LOG_INFO", "info"),
            ("BACKPLANE_LOG_WARNING", "warning"), ("BACKPLANE_LOG_ERROR", "error"), ("0", "info"),
            ("99", "info"), ("-1", "info"),
        ])
    func levels(level: String, expected: String) throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: ["load": "load"],
            declarations: """
                static backplane_status_t load(
                    const backplane_host_t *host, backplane_error_t *error) {
                    (void)error;
                    backplane_log(host, \(level), "loading");
                    return BACKPLANE_STATUS_OK;
                }
                """)
        let plugin = try LoadedPlugin(library)
        #expect(plugin.log.text == ["\(expected) loading plugin=test source=plugin"])
    }

    @Test("the host's table tells its size, its ABI, its name and no extension")
    func hostTable() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: ["load": "load"],
            declarations: """
                static backplane_status_t load(
                    const backplane_host_t *host, backplane_error_t *error) {
                    return backplane_error_format(
                        error, BACKPLANE_STATUS_INTERNAL, "%s %s %d.%d %d %d", host->name,
                        host->version, host->abi_major, host->abi_minor,
                        host->struct_size == sizeof(*host),
                        host->get_extension(host, "backplane.none/1") == NULL);
                }
                """)
        let message = try LoadedPlugin.refusal(of: library).message
        #expect(message == "load failed: backplane \(HostVersion.current) 1.0 1 1 (INTERNAL)")
    }
}
