import Foundation
import TestSupport
import Testing

/// Static variables of C++ that the dynamic linker would have once for the whole process: those of inline functions and
/// templates, which g++ makes unique symbols of.
@Suite struct OwnStaticsTests {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    /// A plugin whose singletons say which version made them.
    private func plugin(_ version: String) throws -> String {
        let source = """
            #include "backplane_plugin.h"
            #include <string>
            struct Local {
                std::string text = VERSION;
                static Local &get() { static Local local; return local; }
            };
            template <typename T> struct Template { static T value; };
            template <typename T> T Template<T>::value = VERSION;
            inline std::string inlineVariable = VERSION;
            static void run(backplane_instance_t *, const backplane_call_t *calls, uint32_t) {
                std::string text = Local::get().text + Template<std::string>::value + inlineVariable;
                backplane_finish_text(calls[0], "text/plain", text.c_str());
            }
            static const backplane_method_t methods[] = {{"__call__", nullptr, 0, 0, run, nullptr, nullptr}};
            static const backplane_plugin_t plugin = {BACKPLANE_PLUGIN_HEADER, 0, "statics", "1.0.0", nullptr,
                methods, 1, sizeof(backplane_method_t), nullptr, nullptr, nullptr, nullptr, nullptr, nullptr};
            BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) { return &plugin; }

            """
        let (file, library) = (directory.file("statics.cpp"), directory.file("lib\(version).so"))
        try source.write(toFile: file, atomically: true, encoding: .utf8)
        try Tool.run(
            "g++",
            [
                "-std=c++17", "-O1", "-fPIC", "-shared", "-DVERSION=\"\(version)\"", "-I",
                Repository.path("Sources/PluginABI/include"), file, "-o", library,
            ])
        return library
    }

    @Test(
        "two generations, and two plugins, have static variables of their own",
        .enabled(if: Sanitizer.current == nil))
    func ownStatics() throws {
        let libraries = try ["1", "2", "3"].map(plugin)
        let symbols = try Tool.run("readelf", ["--dyn-syms", "--wide", libraries[0]])
        try #require(symbols.contains(" UNIQUE "), "the compiler makes none: the test says nothing")
        let plugins = try libraries.map { try LoadedPlugin($0) }
        for (plugin, version) in zip(plugins, ["111", "222", "333"]) {
            #expect(try plugin.call().text == version)
        }
        let again = try LoadedPlugin(libraries[0])
        #expect(try again.call().text == "111")
    }
}
