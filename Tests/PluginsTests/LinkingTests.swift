import Foundation
import HostCore
import HostWorkers
import TestSupport
import Testing

/// Libraries that the dynamic linker refuses, and what of the host a library can see.
@Suite struct LinkingTests {
    @Test("a library with an unresolved symbol is refused with the symbol and where to look")
    func unresolvedSymbol() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory,
            declarations: """
                extern int backplane_test_missing(void);
                int uses_missing(void);
                int uses_missing(void) { return backplane_test_missing(); }
                """)
        let error = try LoadedPlugin.refusal(of: library)
        #expect(error.code == .linkFailed)
        #expect(
            error.message
                == "the dynamic linker refused it: undefined symbol: backplane_test_missing "
                + "(ldd -r lists what the library lacks)")
    }

    @Test("a library that needs another one that isn't there is refused with its name")
    func missingDependency() throws {
        let directory = try TemporaryDirectory()
        let dependency = directory.file("libbackplane_test_dependency.so")
        try FileManager.default.copyItem(
            atPath: PluginSource.compile("int dependency = 1;\n", in: directory), toPath: dependency
        )
        let library = try PluginSource.library(
            in: directory, options: ["-Wl,--no-as-needed", dependency])
        try FileManager.default.removeItem(atPath: dependency)
        let error = try LoadedPlugin.refusal(of: library)
        #expect(error.code == .linkFailed)
        #expect(error.message.contains("libbackplane_test_dependency.so"))
        #expect(error.message.contains("cannot open shared object file"))
    }

    @Test("a symbol that only a call would need is missed when the library is loaded")
    func lazySymbol() throws {
        // -z lazy: without RTLD_NOW the linker would look for it under the first call, and end the process.
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory,
            declarations: """
                extern int backplane_test_missing(void);
                int uses_missing(void);
                int uses_missing(void) { return backplane_test_missing(); }
                """, options: ["-Wl,-z,lazy"])
        #expect(try LoadedPlugin.refusal(of: library).code == .linkFailed)
    }

    @Test("the message of a refusal does not name the host's private copy")
    func privateCopy() throws {
        let directory = try TemporaryDirectory()
        let library = try PluginSource.library(
            in: directory,
            declarations: """
                extern int backplane_test_missing(void);
                int uses_missing(void);
                int uses_missing(void) { return backplane_test_missing(); }
                """)
        let error = try LoadedPlugin.refusal(of: library)
        #expect(!error.message.contains("backplane-libraries-"))
    }

    @Test("two generations that export the same symbol each see their own")
    func ownSymbols() throws {
        let first = try LoadedPlugin(
            Fixture.library("generation", defines: ["VERSION=\"1\"", "VERSION_NUMBER=1"]))
        let second = try LoadedPlugin(
            Fixture.library("generation", defines: ["VERSION=\"2\"", "VERSION_NUMBER=2"]))
        #expect(try first.call("shared").text == "1")
        #expect(try second.call("shared").text == "2")
    }

    @Test("a plugin's symbols are not there for the rest of the process")
    func hiddenFromTheProcess() throws {
        let plugin = try LoadedPlugin(fixture: "generation")
        #expect(try plugin.call("shared").text == "1")
        #expect(dlsym(dlopen(nil, RTLD_NOW), "backplane_fixture_shared") == nil)
    }
}
