import HostCore
import HostLoader
import HostPlugins
import HostWorkers
import TestSupport
import Testing

/// Libraries that load and are no plugins, or broken ones. Each refusal names what is wrong and what to do.
@Suite struct BadDescriptorTests {
    @Test(
        "a library whose descriptor breaks the contract is refused with what is wrong",
        arguments: [
            (
                "no_entry",
                "not a Backplane plugin: it does not export backplane_plugin_entry(): "
                    + "declare it with BACKPLANE_EXPORT"
            ),
            (
                "null_entry",
                "backplane_plugin_entry() returned NULL: the plugin declines to be served here"
            ),
            (
                "bad_magic",
                "the descriptor does not begin with BACKPLANE_MAGIC: "
                    + "begin it with BACKPLANE_PLUGIN_HEADER"
            ),
            (
                "wrong_major",
                "built for ABI 2.0, this host has 1.0: rebuild it with this host's "
                    + "backplane_plugin.h"
            ),
            (
                "small_struct",
                "struct_size is 16, a descriptor of ABI 1.0 has 104 bytes: "
                    + "begin it with BACKPLANE_PLUGIN_HEADER"
            ),
            ("null_name", "name is NULL: give the plugin one"),
            ("no_methods", "the method table is empty: give the plugin a method named __call__"),
            ("duplicate_method", "two methods are named again: rename one"),
            (
                "methodless_entry",
                "method nothing has no invoke: give it one, or a signature and a function"
            ),
            (
                "bad_signature",
                "method __call__: signature, column 10: there is no type i46: use i64, f64, "
                    + "string, ..., or declare it"
            ),
        ])
    func fixture(_ name: String, message: String) throws {
        let error = try LoadedPlugin.refusal(of: Fixture.library(name))
        #expect(error.code == .invalidDescriptor)
        // What is no plugin at all is told what else there is, with its path.
        #expect(name == "no_entry" ? error.message.hasPrefix(message) : error.message == message)
    }

    @Test(
        "a descriptor with a member that can't be used is refused with the member's name",
        arguments: [
            ("name", "\"\"", "name is empty: give the plugin one"),
            ("name", "\"caf\\xE9\"", "name is not UTF-8: write it in UTF-8"),
            ("version", "NULL", "version is NULL: give the plugin one"),
            ("version", "\"\"", "version is empty: give the plugin one"),
            ("description", "\"\\xFF\"", "description is not UTF-8: write it in UTF-8"),
            (
                "methods", "NULL",
                "the method table is empty: give the plugin a method named __call__"
            ),
            (
                "method_size", "40", "method_size is 40: set it to sizeof(backplane_method_t)"
            ),
            (
                "method_size", "0", "method_size is 0: set it to sizeof(backplane_method_t)"
            ),
        ])
    func member(_ name: String, value: String, message: String) throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, members: [name: value],
            entry: "(void)methods, &plugin")
        let error = try LoadedPlugin.refusal(of: library)
        #expect(error.code == .invalidDescriptor)
        #expect(error.message == message)
    }

    @Test("a library without methods is one only if it is middleware, and a whole one")
    func withoutMethods() throws {
        let store = try LibraryStore()
        let stage = try LoadedPlugin.load(try Fixture.library("stage"), from: store)
        #expect(stage.descriptor.methods.isEmpty && stage.offersMiddleware)
        #expect(!stage.unload())
        let error = try LoadedPlugin.refusal(
            of: Fixture.library("stage_misuse", defines: ["NO_ON_REQUEST"]))
        #expect(
            error.message == """
                the extension backplane.middleware/1 lacks a function it requires: on_request
                """)
        let directory = try TemporaryDirectory()
        let other = try PluginSource.library(
            in: directory, members: ["methods": "NULL", "get_extension": "get_extension"],
            declarations: """
                static const void *get_extension(const char *name) { return (void)name, NULL; }
                """,
            entry: "(void)methods, &plugin")
        #expect(
            try LoadedPlugin.refusal(of: other).message
                == "the method table is empty: give the plugin a method named __call__")
    }

    @Test(
        "a method with a member that can't be used is refused with the member's name",
        arguments: [
            ("name", "NULL", "methods[0].name is NULL: give the method one"),
            ("name", "\"\"", "methods[0].name is empty: give the method one"),
            (
                "description", "\"\\xFF\"",
                "methods[0].description is not UTF-8: write it in UTF-8"
            ),
        ])
    func method(_ member: String, value: String, message: String) throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(in: directory, method: [member: value])
        let error = try LoadedPlugin.refusal(of: library)
        #expect(error.code == .invalidDescriptor)
        #expect(error.message == message)
    }

    @Test("a method table whose entries would lie between words is refused")
    func misalignedMethods() throws {
        let error = try LoadedPlugin.refusal(
            of: Fixture.library("larger_methods", defines: ["METHOD_SIZE=52"]))
        #expect(error.code == .invalidDescriptor)
        #expect(error.message == "method_size is 52: set it to sizeof(backplane_method_t)")
    }

    @Test("an entry function that returns something else than a descriptor is refused")
    func noDescriptor() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory, entry: "(const backplane_plugin_t *)(const void *)\"hello\"")
        let error = try LoadedPlugin.refusal(of: library)
        #expect(error.code == .invalidDescriptor)
        #expect(error.message.contains("BACKPLANE_MAGIC"))
    }

    @Test("an extension without a function it requires is refused with both names")
    func incompleteExtension() throws {
        let error = try LoadedPlugin.refusal(of: Fixture.library("bad_extension"))
        #expect(error.code == .invalidDescriptor)
        #expect(
            error.message
                == "the extension backplane.state/1 lacks a function it requires: save and restore")
    }

    @Test("an extension whose struct is too small is refused with its size")
    func smallExtension() throws {
        let error = try LoadedPlugin.refusal(
            of: Fixture.library("bad_extension", defines: ["STRUCT_SIZE=8"]))
        #expect(error.code == .invalidDescriptor)
        #expect(
            error.message
                == "the extension backplane.state/1 has struct_size 8: "
                + "set it to the size of its struct")
    }

    @Test("a plugin for a newer minor of the ABI is served")
    func newerMinor() throws {
        let plugin = try LoadedPlugin(fixture: "newer_minor")
        #expect(plugin.generation.descriptor.abiVersion == "1.99")
        #expect(try plugin.call().text == "newer")
    }

    @Test("a method table with larger entries than this host knows is served")
    func largerMethods() throws {
        let plugin = try LoadedPlugin(fixture: "larger_methods")
        #expect(plugin.generation.descriptor.methods.map(\.name) == ["__call__", "second"])
        #expect(try plugin.call().text == "first")
        #expect(try plugin.call("second").text == "second")
    }

    @Test("a descriptor is read as the plugin wrote it")
    func wholeDescriptor() throws {
        let directory = try TemporaryDirectory()
        let descriptor = try LoadedPlugin(
            PluginSource.library(
                in: directory,
                members: [
                    "name": "\"größe\"", "version": "\"2.3.4\"", "description": "\"measures\"",
                    "traits": "BACKPLANE_TRAIT_REENTRANT | BACKPLANE_TRAIT_UNLOADABLE | 0x80",
                ],
                method: [
                    "description": "\"one line\"", "preferred_batch_size": "16",
                    "flags":
                        "BACKPLANE_METHOD_BATCHABLE | BACKPLANE_METHOD_INLINE | "
                        + "BACKPLANE_METHOD_ASYNC | BACKPLANE_METHOD_IDEMPOTENT | 0x100",
                ])
        ).generation.descriptor
        #expect(descriptor.name == "größe")
        #expect(descriptor.version == "2.3.4")
        #expect(descriptor.description == "measures")
        #expect(descriptor.abiVersion == "1.0")
        #expect(descriptor.isReentrant)
        #expect(descriptor.isUnloadable)
        let method = try #require(descriptor.methods.first)
        #expect(method.name == CallMetadata.defaultMethod)
        #expect(method.description == "one line")
        #expect(method.preferredBatchSize == 16)
        #expect(method.isBatchable && method.isInline && method.isAsync && method.isIdempotent)
        #expect(method.isReentrant)
        #expect(descriptor.methodIndex(named: "__call__") == 0)
        #expect(descriptor.methodIndex(named: "other") == nil)
    }

    @Test("a descriptor without flags, traits and options says so")
    func plainDescriptor() throws {
        let directory = try TemporaryDirectory()
        let descriptor = try LoadedPlugin(PluginSource.library(in: directory)).generation.descriptor
        #expect(descriptor.description == "")
        #expect(!descriptor.isReentrant && !descriptor.isUnloadable)
        let method = try #require(descriptor.methods.first)
        #expect(!method.isBatchable && !method.isInline && !method.isAsync && !method.isIdempotent)
        #expect(!method.isReentrant)
        #expect(method.preferredBatchSize == nil)
    }

    @Test("a method may be re-entrant though its plugin isn't; if the plugin is, all of them are")
    func reentrantMethods() throws {
        func methods(_ fixture: String) throws -> [Bool] {
            try LoadedPlugin(Fixture.library(fixture)).generation.descriptor.methods
                .map(\.isReentrant)
        }
        #expect(try methods("shares") == [false, true, true])
        #expect(try methods("checked_beside") == [true, true, true, true, true])
    }
}
