internal import HostCore

/// A library file as the dynamic linker sees it: not by its sections, but by its segments and what the dynamic section
/// says is where in them.
///
/// Source: System V ABI, "Program Loading and Dynamic Linking"; `<elf.h>`; glibc's `elf/dl-load.c`.
struct ELFLibrary {
    let image: ELFImage
    let bytes: MappedBytes
    /// What is mapped, in the order of the addresses.
    let loads: [ELFSegment]
    /// Up to the mark of its end.
    let dynamic: [DynamicEntry]
    private let values: [UInt64: UInt64]

    struct DynamicEntry {
        let tag: UInt64
        let value: UInt64
        /// Where it is in the file.
        let position: Int
    }

    /// - Throws: ``PluginError`` when there are no segments or no dynamic section that could be mapped.
    init(_ image: ELFImage, _ bytes: MappedBytes, pageSize: UInt64) throws(PluginError) {
        self.image = image
        self.bytes = bytes
        loads = image.segments.filter { $0.kind == .load }
        try Self.checkLoads(loads, size: UInt64(bytes.count), pageSize: pageSize)
        let sections = image.segments.filter { $0.kind == .dynamic }
        guard sections.count == 1, let section = sections.first,
            let load = Self.load(holding: section.address, section.fileSize, in: loads),
            let start = Self.offset(of: section.address, section.fileSize, in: load),
            start == section.offset, load.isWritable || !section.isWritable
        else { throw Self.damaged("its dynamic section is not where its headers say") }
        var (dynamic, values): ([DynamicEntry], [UInt64: UInt64]) = ([], [:])
        var isEnded = false
        for position in stride(from: start, to: start + Int(section.fileSize) - 15, by: 16) {
            let tag = bytes.u64(position)
            if tag == 0 {
                isEnded = true
                break
            }
            let entry = DynamicEntry(tag: tag, value: bytes.u64(position + 8), position: position)
            dynamic.append(entry)
            // Of several the last one counts.
            values[tag] = entry.value
        }
        guard isEnded else { throw Self.damaged("its dynamic section has no end") }
        self.dynamic = dynamic
        self.values = values
    }

    /// The value of a tag; nil: there is none.
    subscript(tag: ELFTag) -> UInt64? { values[tag.rawValue] }

    /// Where in the file an address of the library is, with all of the bytes behind it; nil: not in the file.
    func offset(of address: UInt64, _ count: UInt64) -> Int? {
        guard let load = Self.load(holding: address, count, in: loads) else { return nil }
        return Self.offset(of: address, count, in: load)
    }

    /// The segment that an address and the bytes behind it are in.
    func load(holding address: UInt64, _ count: UInt64) -> ELFSegment? {
        Self.load(holding: address, count, in: loads)
    }

    /// Where the library ends in memory.
    var end: UInt64 { loads.last?.end ?? 0 }

    /// Where the texts are in the file. Requires that ``ELFCheck`` has passed.
    var texts: Int { self[.stringTable].flatMap { offset(of: $0, 1) } ?? 0 }

    /// A text by its place in the string table.
    func text(_ place: UInt64) -> String { bytes.text(texts &+ Int(clamping: place)) }

    static func damaged(_ what: String) -> PluginError {
        PluginError(.notALibrary, "a damaged library: \(what); copy it here again")
    }

    // MARK: Segments

    private static func load(
        holding address: UInt64, _ count: UInt64, in loads: [ELFSegment]
    ) -> ELFSegment? {
        loads.first {
            address >= $0.address && address - $0.address <= $0.memorySize
                && count <= $0.memorySize - (address - $0.address)
        }
    }

    private static func offset(
        of address: UInt64, _ count: UInt64, in load: ELFSegment
    ) -> Int? {
        let place = address - load.address
        guard place <= load.fileSize, count <= load.fileSize - place else { return nil }
        return Int(load.offset + place)
    }

    /// What the linker maps must be in the file, in order, and not lie one over the other.
    private static func checkLoads(
        _ loads: [ELFSegment], size: UInt64, pageSize: UInt64
    ) throws(PluginError) {
        guard !loads.isEmpty else { throw damaged("it has no segments to be loaded") }
        var end: UInt64 = 0
        for load in loads {
            let isAligned =
                load.alignment.nonzeroBitCount == 1 && load.alignment <= 1 << 32
                && (load.address &- load.offset) % pageSize == 0
            // A page that is partly filled with zeros is touched while it is mapped.
            let firstPage = load.offset & ~(pageSize - 1)
            let touches = load.fileSize > 0 || load.address % pageSize != 0
            guard isAligned, load.isReadable, load.memorySize >= load.fileSize,
                load.address < highest, load.memorySize < highest,
                load.offset <= size, load.fileSize <= size - load.offset,
                !touches || firstPage < size,
                load.address & ~(pageSize - 1) >= end
            else { throw damaged("its program headers contradict themselves") }
            end = (load.end + pageSize - 1) & ~(pageSize - 1)
        }
    }

    /// More than any library has, and little enough that sums don't overflow.
    private static let highest: UInt64 = 1 << 40
}

/// What an entry of the dynamic section is about.
enum ELFTag: UInt64 {
    case needed = 1
    case pltRelocationsSize = 2
    case pltTable = 3
    case hash = 4
    case stringTable = 5
    case symbolTable = 6
    case relocations = 7
    case relocationsSize = 8
    case relocationSize = 9
    case stringTableSize = 10
    case symbolSize = 11
    case initialize = 12
    case finalize = 13
    case ownName = 14
    case searchPath = 15
    case oldRelocations = 17
    case pltRelocationKind = 20
    case textRelocations = 22
    case pltRelocations = 23
    case initializers = 25
    case finalizers = 26
    case initializersSize = 27
    case finalizersSize = 28
    case runPath = 29
    case flags = 30
    case packedRelocationsSize = 35
    case packedRelocations = 36
    case packedRelocationSize = 37
    case gnuHash = 0x6FFF_FEF5
    case symbolVersions = 0x6FFF_FFF0
    case relativeCount = 0x6FFF_FFF9
    case flags1 = 0x6FFF_FFFB
    case versionDefinitions = 0x6FFF_FFFC
    case versionNeeds = 0x6FFF_FFFE
    case auxiliary = 0x7FFF_FFFD
    case filter = 0x7FFF_FFFF
}
