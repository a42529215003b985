package import HostCore

/// What a shared library exports, and what it says of itself to the dynamic linker.
///
/// Read from the file's sections; nothing is mapped and nothing of the library runs.
///
/// Source: System V ABI, "Sections" and "Symbol Table"; Linux Standard Base, "Symbol Versioning"; `<elf.h>`.
package struct ELFSymbols: Sendable {
    package struct Symbol: Sendable, Equatable {
        package enum Kind: Sendable {
            case function
            case variable
            /// What a linker script or an assembler defined without saying.
            case untyped
        }

        package let name: String
        package let kind: Kind
        /// Such as `GLIBC_2.29`; nil: the library has no versions.
        package let version: String?
        /// Whether a lookup without a version finds it; the others are kept for programs that were linked long ago.
        package let isDefault: Bool
    }

    /// In the order of their names; of one name, the default version first.
    package let exported: [Symbol]
    /// The name that programs are linked with, such as `libz.so.1`.
    package let soname: String?
    /// Whether it carries DWARF, which a stripped library doesn't.
    package let hasDebugInformation: Bool

    /// The names that can be called, each once.
    package var functions: [String] {
        exported.filter { $0.kind == .function && $0.isDefault }.map(\.name)
    }

    /// Reads a library. Blocks on the disk.
    ///
    /// - Throws: ``PluginError`` when it can't be read or is no whole library for this machine.
    package init(of path: String) throws(PluginError) {
        let file = try ELFSections(opening: path)
        soname = file.dynamicText(tag: Self.sonameTag)
        hasDebugInformation = file.names.contains { [".debug_info", ".zdebug_info"].contains($0) }
        exported = Self.exported(in: file)
    }

    private static func exported(in file: ELFSections) -> [Symbol] {
        guard let table = file.first(ofType: symbolTable), let texts = file.linked(from: table)
        else { return [] }
        let versions = file.first(ofType: versionTable)?.bytes ?? []
        let versionNames = versionNames(in: file)
        var symbols: [Symbol] = []
        for index in 1..<max(table.bytes.count / symbolSize, 1) {
            let entry = index * symbolSize
            guard let kind = kind(table.bytes, at: entry),
                let name = ELFSections.text(
                    in: texts.bytes, at: Int(table.bytes.integer(UInt32.self, at: entry))),
                !name.isEmpty
            else { continue }
            let version =
                versions.count >= 2 * index + 2
                ? versions.integer(UInt16.self, at: 2 * index) : 1
            symbols.append(
                Symbol(
                    name: name, kind: kind, version: versionNames[version & 0x7FFF],
                    isDefault: version & 0x8000 == 0))
        }
        return symbols.sorted {
            ($0.name, $0.isDefault ? 0 : 1, $0.version ?? "")
                < ($1.name, $1.isDefault ? 0 : 1, $1.version ?? "")
        }
    }

    /// - Returns: nil for what other libraries can't use.
    private static func kind(_ table: [UInt8], at entry: Int) -> Symbol.Kind? {
        let (type, binding) = (table[entry + 4] & 0xF, table[entry + 4] >> 4)
        let visibility = table[entry + 5] & 0x3
        let section = table.integer(UInt16.self, at: entry + 6)
        guard section != undefined, section != absolute,
            [global, weak, unique].contains(binding), [byDefault, protected].contains(visibility)
        else { return nil }
        return switch type {
        case 2, 10: .function
        case 1, 5, 6: .variable
        case 0: .untyped
        default: nil
        }
    }

    private static func versionNames(in file: ELFSections) -> [UInt16: String] {
        guard let table = file.first(ofType: versionDefinitions),
            let texts = file.linked(from: table)
        else { return [:] }
        var names: [UInt16: String] = [:]
        var entry = 0
        // The first definition is the library's own name, and no version of a symbol.
        while table.bytes.count >= entry + 20 {
            let number = table.bytes.integer(UInt16.self, at: entry + 4)
            let auxiliary = entry + Int(table.bytes.integer(UInt32.self, at: entry + 12))
            if number > 1, table.bytes.count >= auxiliary + 4 {
                names[number] = ELFSections.text(
                    in: texts.bytes,
                    at: Int(table.bytes.integer(UInt32.self, at: auxiliary)))
            }
            let next = Int(table.bytes.integer(UInt32.self, at: entry + 16))
            guard next > 0 else { break }
            entry += next
        }
        return names
    }

    private static let symbolTable: UInt32 = 11
    private static let versionTable: UInt32 = 0x6FFF_FFFF
    private static let versionDefinitions: UInt32 = 0x6FFF_FFFD
    private static let symbolSize = 24
    private static let sonameTag: UInt64 = 14
    private static let undefined: UInt16 = 0
    private static let absolute: UInt16 = 0xFFF1
    private static let (global, weak, unique): (UInt8, UInt8, UInt8) = (1, 2, 10)
    private static let (byDefault, protected): (UInt8, UInt8) = (0, 3)
}
