internal import Foundation
internal import HostCore
package import HostLoader
internal import HostPlugins

/// What a shared library offers to a manifest.
package struct LibraryInspection: Sendable {
    /// As it was named.
    package let library: String
    /// Where the file is.
    package let path: String
    package let symbols: ELFSymbols
    /// Where the types come from, as a person would say it; nil: nothing tells them.
    package let source: String?
    private let declarations: CDeclarations

    /// Whether it is a plugin, which needs no manifest to be served.
    package var isPlugin: Bool { symbols.functions.contains(PluginDescriptor.entrySymbol) }

    /// Looks at a library. Blocks; a library that is given by its soname is mapped, and its constructors run.
    ///
    /// - Parameters:
    ///   - library: a path, or a soname that the dynamic linker finds.
    ///   - header: a C header that declares its functions; nil: its debug information, if it has some.
    ///   - options: more for Clang.
    /// - Throws: ``InspectionError``.
    package init(
        _ library: String, header: String?, options: [String] = []
    ) throws(InspectionError) {
        do {
            self.library = library
            path = try LibraryLocation.find(library)
            symbols = try ELFSymbols(of: path)
        } catch {
            throw InspectionError(error.message)
        }
        if let header {
            declarations = try CHeader(header, options: options).declarations
            source = URL(fileURLWithPath: header).lastPathComponent
        } else if symbols.hasDebugInformation {
            declarations = try DebugInformation(of: path, functions: Set(symbols.functions))
                .declarations
            source = "its debug information"
        } else {
            declarations = CDeclarations()
            source = nil
        }
    }

    /// The manifest's draft; nil when nothing tells the types.
    package var draft: ManifestDraft? {
        source.map { ManifestDraft(symbols, declarations, library: manifestName, source: $0) }
    }

    /// How a manifest should name the library: a soname that leads to it is right on the next machine too.
    private var manifestName: String {
        guard library.contains("/") else { return library }
        let written = URL(fileURLWithPath: library).standardizedFileURL.path
        guard let soname = symbols.soname else { return written }
        let file = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        guard let found = try? LibraryLocation.find(soname),
            URL(fileURLWithPath: found).resolvingSymlinksInPath().path == file
        else { return written }
        return soname
    }
}

/// Why a library, a header or debug information can't be looked at: one line that says what to do.
package struct InspectionError: Error, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
