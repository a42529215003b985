import Foundation
import HostWorkers
import TestSupport

/// Plugins too small for a file among the fixtures: one method that answers "here", and a descriptor that a test
/// changes.
enum PluginSource {
    /// Compiles a plugin.
    ///
    /// - Parameters:
    ///   - members: C initializers that replace the usual ones in the descriptor, or in its method.
    ///   - declarations: C source before the descriptor.
    ///   - entry: the entry function's result.
    ///   - options: for the compiler.
    static func library(
        in directory: TemporaryDirectory, members: [String: String] = [:],
        method: [String: String] = [:], declarations: String = "", entry: String = "&plugin",
        options: [String] = []
    ) throws -> String {
        let usual = [
            "magic": "BACKPLANE_MAGIC", "struct_size": "sizeof(backplane_plugin_t)",
            "abi_major": "BACKPLANE_ABI_MAJOR", "abi_minor": "BACKPLANE_ABI_MINOR",
            "name": "\"small\"", "version": "\"1.0.0\"", "methods": "methods", "method_count": "1",
            "method_size": "sizeof(backplane_method_t)",
        ]
        let source = """
            #include "backplane_plugin.h"
            static void answer(
                backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
                (void)self;
                (void)count;
                backplane_finish_text(calls[0], "text/plain", "here");
            }
            \(declarations)
            static const backplane_method_t methods[] = {{
                \(initializers(["name": "\"__call__\"", "invoke": "answer"].merging(method) { $1 }))}};
            static const backplane_plugin_t plugin = {
                \(initializers(usual.merging(members) { $1 }))};
            BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
                (void)&plugin;
                return \(entry);
            }

            """
        return try compile(source, in: directory, options: options)
    }

    /// Compiles any C source to a shared library, or to what other options make of it.
    static func compile(
        _ source: String, in directory: TemporaryDirectory, options: [String] = []
    ) throws -> String {
        try source.write(toFile: directory.file("small.c"), atomically: true, encoding: .utf8)
        let path = directory.file("libsmall.so")
        try Fixture.compile(source: directory.file("small.c"), to: path, options: options)
        return path
    }

    private static func initializers(_ members: [String: String]) -> String {
        members.map { ".\($0) = \($1)" }.joined(separator: ", ")
    }
}
