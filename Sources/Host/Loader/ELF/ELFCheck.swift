internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// Looks at all that the dynamic linker will look at, before it does.
///
/// The linker believes a library: where a download has left a hole, or a disk has lost a block, it follows offsets out
/// of the mapping, walks tables without an end, or jumps to code that isn't there, and the host dies. What can't be
/// seen in a file is whether its code, its data and its relocations are right: ``LoadJournal`` is the net under that.
///
/// It is as strict as real libraries allow; a test holds it against all of a system's.
struct ELFCheck {
    let library: ELFLibrary
    /// How many symbols the tables tell of, from the hash tables and the relocations.
    private(set) var symbolCount: Int
    /// The libraries whose versions are asked for, and where in the file that stands.
    private(set) var versionNeeds: [ELFVersions.Need] = []

    var bytes: MappedBytes { library.bytes }

    /// - Throws: ``PluginError`` that says what is wrong with the library.
    init(_ image: ELFImage, _ bytes: MappedBytes) throws(PluginError) {
        library = try ELFLibrary(image, bytes, pageSize: Self.pageSize)
        symbolCount = 0
        try checkSections()
        try checkSegments()
        try checkDynamic()
        let hashes = try ELFHashTables(library, texts: texts, textsSize: textsSize)
        let relocations = try ELFRelocations(library)
        symbolCount = max(hashes.symbolCount, relocations.symbolCount)
        let versions = try ELFVersions(library, textsSize: textsSize)
        versionNeeds = versions.needs
        try checkSymbols(exported: hashes.exported)
        try versions.checkTable(symbolCount: symbolCount)
        try checkCode(relocations)
    }

    /// `DF_1_PIE`.
    private static let flagExecutable: UInt64 = 0x0800_0000

    static let pageSize = UInt64(max(4096, sysconf(CInt(_SC_PAGESIZE))))

    var texts: Int { library.texts }
    var textsSize: UInt64 { library[.stringTableSize] ?? 0 }

    static func damaged(_ what: String) -> PluginError { ELFLibrary.damaged(what) }

    // MARK: Segments

    private func checkSegments() throws(PluginError) {
        var threadLocals = 0
        for segment in library.image.segments {
            switch segment.kind {
            case .note, .property:
                try checkNotes(segment)
            case .programHeaders:
                // The linker reads them there.
                guard let place = library.offset(of: segment.address, segment.memorySize),
                    place == library.image.programHeaders,
                    segment.memorySize
                        >= UInt64(library.image.segments.count * ELFImage.programHeaderSize)
                else { throw Self.damaged("its program headers are not where it says") }
            case .threadLocal:
                threadLocals += 1
                guard threadLocals == 1, segment.fileSize <= segment.memorySize,
                    segment.memorySize <= 1 << 30, segment.alignment <= 1 << 30,
                    segment.alignment.nonzeroBitCount <= 1,
                    segment.fileSize == 0
                        || library.offset(of: segment.address, segment.fileSize) != nil
                else { throw Self.damaged("its thread-local variables are not in it") }
            case .readOnlyAfterRelocation:
                // Its last page may be padding.
                guard
                    let load = library.loads.first(where: {
                        $0.address <= segment.address && segment.address <= $0.end
                    }),
                    segment.memorySize <= load.memorySize + Self.pageSize,
                    segment.end <= (load.end + Self.pageSize - 1) & ~(Self.pageSize - 1)
                else { throw Self.damaged("what is to be made read-only is not in it") }
            case .unwindTable:
                guard segment.memorySize >= 4,
                    let place = library.offset(of: segment.address, segment.memorySize),
                    bytes.u8(place) == 1
                else { throw Self.damaged("its table for exceptions is not in it") }
            case .load, .dynamic, nil: break
            }
        }
    }

    /// Notes are walked from one to the next.
    private func checkNotes(_ segment: ELFSegment) throws(PluginError) {
        guard segment.memorySize > 0 else { return }
        guard segment.memorySize == segment.fileSize,
            let start = library.offset(of: segment.address, segment.memorySize)
        else { throw Self.damaged("its notes are not in it") }
        let (end, step) = (start + Int(segment.memorySize), segment.alignment == 8 ? 8 : 4)
        var note = start
        while note + 12 <= end {
            let (nameSize, size) = (Int(bytes.u32(note)), Int(bytes.u32(note + 4)))
            let content = (note - start + 12 + nameSize + step - 1) / step * step + start
            guard nameSize <= end - note, size <= end - note, content + size <= end,
                bytes.u32(note + 8) != 0 || nameSize != 0 || size != 0
            else { throw Self.damaged("its notes have no end") }
            note = (content - start + size + step - 1) / step * step + start
        }
    }

    // MARK: The dynamic section

    private func checkDynamic() throws(PluginError) {
        guard let texts = library[.stringTable], textsSize > 0,
            let place = library.offset(of: texts, textsSize),
            bytes.u8(place) == 0, bytes.u8(place + Int(textsSize) - 1) == 0,
            library[.symbolTable] != nil, library[.symbolSize] == 24
        else { throw Self.damaged("its names are not in it") }
        guard (library[.flags1] ?? 0) & Self.flagExecutable == 0 else {
            throw PluginError(
                .notALibrary,
                "a position-independent executable, not a shared library: link it with -shared")
        }
        for entry in library.dynamic {
            // Of those that every system knows.
            guard entry.tag < 39 || entry.tag >= 0x6000_0000 else {
                throw Self.damaged("its dynamic section has an entry \(entry.tag), which is none")
            }
            guard let tag = ELFTag(rawValue: entry.tag) else { continue }
            switch tag {
            case .needed, .ownName, .runPath, .searchPath, .auxiliary, .filter:
                guard entry.value < textsSize,
                    tag == .runPath || tag == .searchPath
                        || bytes.u8(place + Int(entry.value)) != 0
                else { throw Self.damaged("a name in its dynamic section is not in it") }
            case .pltTable:
                guard library.load(holding: entry.value, 0) != nil else {
                    throw Self.damaged("its table of functions is not in it")
                }
            case .oldRelocations:
                throw Self.damaged("it has relocations of another machine")
            default: break
            }
        }
    }

    // MARK: Symbols

    /// - Parameter exported: those that a name leads to.
    private func checkSymbols(exported: [Bool]) throws(PluginError) {
        guard let table = library[.symbolTable],
            let place = library.offset(of: table, UInt64(24 * max(symbolCount, 1))),
            bytes.isZero(place, 24)
        else { throw Self.damaged("its symbols are not in it") }
        let threadLocals = library.image.segments.first { $0.kind == .threadLocal }
        for index in 1..<max(symbolCount, 1) {
            let symbol = ELFSymbol(bytes, at: place + 24 * index)
            guard UInt64(symbol.name) < textsSize, symbol.isPlausible,
                !bytes.isZero(place + 24 * index, 24),
                symbol.isLocal || bytes.u8(texts + Int(symbol.name)) != 0
            else { throw Self.damaged("its symbol \(index) is none") }
            guard symbol.isDefined, !symbol.isAbsolute else { continue }
            let isIn =
                symbol.isThreadLocal
                ? symbol.value <= threadLocals?.memorySize ?? 0 && threadLocals != nil
                : symbol.value <= library.end
            guard isIn else {
                throw Self.damaged("\(library.text(UInt64(symbol.name))) is not in it")
            }
            if exported.indices.contains(index), exported[index], symbol.isFunction {
                guard mayBeCode(symbol.value) else {
                    throw Self.damaged(
                        "the code of \(library.text(UInt64(symbol.name)))() is missing")
                }
            }
        }
    }

    // MARK: Code

    /// What runs when the library is loaded.
    private func checkCode(_ relocations: ELFRelocations) throws(PluginError) {
        for tag in [ELFTag.initialize, .finalize] {
            guard let address = library[tag] else { continue }
            guard mayBeCode(address) else {
                throw Self.damaged("the code that begins and ends it is missing")
            }
        }
        for address in relocations.calledAtLoad {
            guard mayBeCode(address) else {
                throw Self.damaged("the code of a constructor is missing")
            }
        }
    }

    /// Whether there may be code at an address: it can be executed, and is no hole.
    private func mayBeCode(_ address: UInt64) -> Bool {
        guard let load = library.load(holding: address, 1), load.isExecutable else { return false }
        // A packed library makes its code when it is loaded, where it may write.
        guard let place = library.offset(of: address, 1) else { return load.isWritable }
        // No instruction of the machine that begins a function is four zeros.
        return !bytes.isZero(place, min(4, bytes.count - place))
    }
}

/// An entry of the symbol table.
struct ELFSymbol {
    let name: UInt32
    let type: UInt8
    let binding: UInt8
    let section: UInt16
    let value: UInt64

    init(_ bytes: MappedBytes, at place: Int) {
        name = bytes.u32(place)
        let info = bytes.u8(place + 4)
        (type, binding) = (info & 0xF, info >> 4)
        section = bytes.u16(place + 6)
        value = bytes.u64(place + 8)
    }

    /// Of the kinds that there are.
    var isPlausible: Bool {
        (type <= 6 || type == 10) && (binding <= 2 || binding == Self.unique)
    }
    var isLocal: Bool { binding == 0 }
    var isDefined: Bool { section != 0 }
    /// Also those of the other reserved sections.
    var isAbsolute: Bool { section >= 0xFF00 }
    var isThreadLocal: Bool { type == 6 }
    var isFunction: Bool { type == 2 || type == 10 }

    /// `STB_GNU_UNIQUE`, and `STB_WEAK`.
    static let unique: UInt8 = 10
    static let weak: UInt8 = 2
}
