internal import ArgumentParser
internal import HostCore
internal import HostInspection
internal import HostLoader
internal import HostPlugins

struct InspectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect",
        abstract: "Shows what a shared library exports, and drafts a manifest to serve it with.",
        discussion: """
            With a C header, or with debug information in the library, the output is a manifest: put \
            it beside the plugins as <name>.yaml, after reading it. Without, it is a list. The header \
            is read by clang, debug information by readelf.

            A plugin, and a library that is named by its soname, is mapped, and its initializers run.
            """)

    @Argument(help: "A path, or a soname such as libm.so.6.")
    var library: String

    @Option(help: ArgumentHelp("A C header, as #include finds it.", valueName: "file"))
    var header: String?

    @Option(
        name: .customLong("clang-option"),
        help: ArgumentHelp("One more option for clang, such as -I/opt/include.", valueName: "text"))
    var options: [String] = []

    @Flag(help: "Only the list, also where a manifest can be drafted.")
    var list = false

    func run() throws {
        let inspection = try LibraryInspection(library, header: header, options: options)
        if inspection.isPlugin {
            print(try PluginText(inspection).text)
        } else if !list, let draft = inspection.draft {
            print(draft.text)
        } else {
            print(ExportTable(inspection).text)
        }
    }
}

/// A plugin needs no manifest: what it offers is in its descriptor.
private struct PluginText {
    let text: String

    init(_ inspection: LibraryInspection) throws(PluginError) {
        let plugin = try PluginDescriptor.ofPlugin(at: inspection.path)
        let rows = plugin.methods.map { method in
            [
                method.name,
                [
                    method.isBatchable ? "batchable" : nil, method.isInline ? "inline" : nil,
                    method.isReentrant ? "re-entrant" : nil,
                    method.isAsync ? "async" : nil,
                ].compactMap { $0 }.joined(separator: ","), method.description,
            ]
        }
        text = """
            \(inspection.path) is a Backplane plugin: \(plugin.name) \(plugin.version), ABI \
            \(plugin.abiVersion). Drop it into the plugins directory.
            \(TextTable(header: ["METHOD", "TRAITS", "DESCRIPTION"], rows).text)
            """
    }
}

private struct ExportTable {
    let text: String

    init(_ inspection: LibraryInspection) {
        let symbols = inspection.symbols
        let functions = symbols.exported.filter { $0.kind == .function }
        let head =
            "\(inspection.path): \(symbols.functions.count) functions"
            + (symbols.soname.map { ", soname \($0)" } ?? "")
        let rows = functions.map { [$0.name, Self.version($0)] }
        let table = rows.isEmpty ? [] : [TextTable(header: ["FUNCTION", "VERSION"], rows).text]
        let advice =
            inspection.source == nil
            ? ["No debug information tells their types: give --header for a manifest's draft."] : []
        text = ([head] + table + advice).joined(separator: "\n")
    }

    /// A lookup by name finds the default version alone.
    private static func version(_ symbol: ELFSymbols.Symbol) -> String {
        guard let version = symbol.version else { return "-" }
        return symbol.isDefault ? version : "\(version) (not by name)"
    }
}
