internal import HostCore

/// The versions that a library's symbols have, and those that it needs of others.
///
/// Source: Linux Standard Base, "Symbol Versioning"; glibc's `elf/dl-version.c`.
struct ELFVersions {
    /// A library whose versions are needed.
    struct Need {
        let library: String
        /// Where in the file its name's place in the string table stands.
        let position: Int
    }

    private(set) var needs: [Need] = []
    /// The highest number that a version has.
    private var highest: UInt16 = 0

    private let library: ELFLibrary
    private let textsSize: UInt64
    private var bytes: MappedBytes { library.bytes }

    /// - Throws: ``PluginError``.
    init(_ library: ELFLibrary, textsSize: UInt64) throws(PluginError) {
        self.library = library
        self.textsSize = textsSize
        if let table = library[.versionDefinitions] { try readDefinitions(table) }
        if let table = library[.versionNeeds] { try readNeeds(table) }
        let hasVersions = library[.versionDefinitions] != nil || library[.versionNeeds] != nil
        guard (library[.symbolVersions] != nil) == hasVersions else { throw Self.damaged }
        try checkNeeds()
    }

    /// Whether each symbol's version is one of those.
    func checkTable(symbolCount: Int) throws(PluginError) {
        guard let table = library[.symbolVersions] else { return }
        guard let start = library.offset(of: table, UInt64(2 * symbolCount)) else {
            throw Self.damaged
        }
        for index in 0..<symbolCount {
            let number = bytes.u16(start + 2 * index) & 0x7FFF
            guard number <= max(highest, 1) else { throw Self.damaged }
        }
    }

    private mutating func readDefinitions(_ table: UInt64) throws(PluginError) {
        var address = table
        while true {
            guard let entry = library.offset(of: address, 20), bytes.u16(entry) == 1,
                bytes.u16(entry + 6) > 0
            else { throw Self.damaged }
            let name = try name(at: address + UInt64(bytes.u32(entry + 12)), size: 8, place: 0)
            guard bytes.sysvHash(name) == bytes.u32(entry + 8) else { throw Self.damaged }
            highest = max(highest, bytes.u16(entry + 4) & 0x7FFF)
            let next = bytes.u32(entry + 16)
            if next == 0 { return }
            address += UInt64(next)
        }
    }

    private mutating func readNeeds(_ table: UInt64) throws(PluginError) {
        var address = table
        while true {
            guard let entry = library.offset(of: address, 16), bytes.u16(entry) == 1 else {
                throw Self.damaged
            }
            let file = try name(at: address, size: 16, place: 4)
            needs.append(Need(library: bytes.text(file), position: entry + 4))
            try readNeededVersions(address + UInt64(bytes.u32(entry + 8)))
            let next = bytes.u32(entry + 12)
            if next == 0 { return }
            address += UInt64(next)
        }
    }

    private mutating func readNeededVersions(_ first: UInt64) throws(PluginError) {
        var address = first
        while true {
            let name = try name(at: address, size: 16, place: 8)
            guard let entry = library.offset(of: address, 16),
                bytes.sysvHash(name) == bytes.u32(entry)
            else { throw Self.damaged }
            highest = max(highest, bytes.u16(entry + 6) & 0x7FFF)
            let next = bytes.u32(entry + 12)
            if next == 0 { return }
            address += UInt64(next)
        }
    }

    /// The linker ends the process when versions are needed of a library that it has not loaded.
    private func checkNeeds() throws(PluginError) {
        let needed = Set(
            library.dynamic.filter { $0.tag == ELFTag.needed.rawValue }.map {
                library.text($0.value)
            })
        for need in needs where !needed.contains(need.library) {
            guard LibraryLocation.isOfHost(need.library) else {
                throw PluginError(
                    .notALibrary,
                    "it needs versions of \(need.library) without needing that library: "
                        + "link it again")
            }
        }
    }

    /// Where the name is in the file whose place in the string table stands in an entry.
    private func name(at address: UInt64, size: UInt64, place: Int) throws(PluginError) -> Int {
        guard let entry = library.offset(of: address, size) else { throw Self.damaged }
        let text = bytes.u32(entry + place)
        guard UInt64(text) < textsSize, bytes.u8(library.texts + Int(text)) != 0 else {
            throw Self.damaged
        }
        return library.texts + Int(text)
    }

    private static var damaged: PluginError {
        ELFLibrary.damaged("the versions of its symbols have a hole")
    }
}
