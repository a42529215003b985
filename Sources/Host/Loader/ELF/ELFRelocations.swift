internal import HostCore

/// The places in a library that the dynamic linker fills in, all of them looked at: it writes wherever they say.
///
/// Source: the processor supplements of the System V ABI; glibc's `elf/do-rel.h` and `dl-machine.h`.
struct ELFRelocations {
    /// One more than the highest index of a symbol that one of them names.
    private(set) var symbolCount = 0
    /// The functions that the linker calls by itself: constructors, destructors, and those that choose another one.
    private(set) var calledAtLoad: [UInt64] = []

    private let library: ELFLibrary
    private var bytes: MappedBytes { library.bytes }
    /// The arrays of constructors and destructors: each slot needs a relocation.
    private var arrays: [Range<UInt64>] = []
    private var filledSlots: Set<UInt64> = []
    /// Whether the rest of the table is none.
    private var isEnded = false
    private let mayWriteCode: Bool
    private let hasThreadLocals: Bool

    /// - Throws: ``PluginError``.
    init(_ library: ELFLibrary) throws(PluginError) {
        self.library = library
        mayWriteCode =
            library[.textRelocations] != nil
            || (library[.flags] ?? 0) & Self.flagTextRelocations != 0
        hasThreadLocals = library.image.segments.contains { $0.kind == .threadLocal }
        try findArrays()
        try read()
        try readPacked()
        let slots = arrays.reduce(0) { $0 + Int($1.upperBound - $1.lowerBound) / 8 }
        // A slot that is not filled in would be called as it stands in the file.
        guard filledSlots.count == slots else { throw Self.damaged }
    }

    private mutating func findArrays() throws(PluginError) {
        for (tag, sizeTag) in [
            (ELFTag.initializers, ELFTag.initializersSize), (.finalizers, .finalizersSize),
        ] {
            guard let address = library[tag] else {
                guard library[sizeTag] ?? 0 == 0 else { throw Self.damaged }
                continue
            }
            guard let size = library[sizeTag], size % 8 == 0, address % 8 == 0,
                library.offset(of: address, size) != nil
            else { throw Self.damaged }
            if size > 0 { arrays.append(address..<address + size) }
        }
    }

    // MARK: With addends

    private mutating func read() throws(PluginError) {
        let table = try table(.relocations, .relocationsSize)
        if let table {
            guard library[.relocationSize] == 24 else { throw Self.damaged }
            let relative = Int(clamping: library[.relativeCount] ?? 0)
            for index in 0..<table.count / Self.entrySize {
                // The linker doesn't look at the kind of so many.
                try read(
                    table.lowerBound + index * Self.entrySize, mustBeRelative: index < relative)
            }
        }
        guard let plt = try self.table(.pltRelocations, .pltRelocationsSize) else { return }
        guard library[.pltRelocationKind] == ELFTag.relocations.rawValue else {
            throw Self.damaged
        }
        // It may be a part of the other one.
        if let table, plt.lowerBound >= table.lowerBound, plt.upperBound <= table.upperBound {
            return
        }
        isEnded = false
        for place in stride(from: plt.lowerBound, to: plt.upperBound, by: Self.entrySize) {
            try read(place, mustBeRelative: false, isPLT: true)
        }
    }

    /// Where a table is in the file.
    private func table(_ tag: ELFTag, _ sizeTag: ELFTag) throws(PluginError) -> Range<Int>? {
        guard let address = library[tag] else {
            guard library[sizeTag] ?? 0 == 0 else { throw Self.damaged }
            return nil
        }
        guard let size = library[sizeTag], size > 0, size % UInt64(Self.entrySize) == 0,
            let place = library.offset(of: address, size)
        else { throw Self.damaged }
        return place..<place + Int(size)
    }

    private mutating func read(
        _ place: Int, mustBeRelative: Bool, isPLT: Bool = false
    ) throws(PluginError) {
        let (address, information) = (bytes.u64(place), bytes.u64(place + 8))
        let addend = bytes.u64(place + 16)
        let symbol = Int(information >> 32)
        guard let kind = ELFRelocationKind(type: UInt32(truncatingIfNeeded: information)) else {
            throw Self.damaged
        }
        if case .none = kind {
            guard !mustBeRelative, !isPLT else { throw Self.damaged }
            isEnded = isEnded || bytes.isZero(place, Self.entrySize)
            return
        }
        // A linker that found less to do than it had thought leaves zeros, at the end alone.
        guard !isEnded else { throw Self.damaged }
        guard let load = library.load(holding: address, kind.width),
            load.isWritable || mayWriteCode
        else { throw Self.damaged }
        symbolCount = max(symbolCount, symbol + 1)
        switch kind {
        case .none: break
        case .relative:
            if try fillsSlot(address) { calledAtLoad.append(addend) }
        case .choice:
            guard !mustBeRelative else { throw Self.damaged }
            calledAtLoad.append(addend)
        case .symbol:
            guard !mustBeRelative else { throw Self.damaged }
            _ = try fillsSlot(address)
        case .threadLocal:
            guard !mustBeRelative, symbol != 0 || hasThreadLocals else { throw Self.damaged }
        }
    }

    /// Whether a relocation fills a slot of the constructors or destructors.
    private mutating func fillsSlot(_ address: UInt64) throws(PluginError) -> Bool {
        guard arrays.contains(where: { $0.contains(address) }) else { return false }
        guard address % 8 == 0 else { throw Self.damaged }
        filledSlots.insert(address)
        return true
    }

    // MARK: Packed

    /// `DT_RELR`: an address, then bitmaps of the 63 words behind it.
    private mutating func readPacked() throws(PluginError) {
        guard let table = library[.packedRelocations] else {
            guard library[.packedRelocationsSize] ?? 0 == 0 else { throw Self.damaged }
            return
        }
        guard let size = library[.packedRelocationsSize], size % 8 == 0,
            library[.packedRelocationSize] == 8, let start = library.offset(of: table, size)
        else { throw Self.damaged }
        var next: UInt64?
        for place in stride(from: start, to: start + Int(size), by: 8) {
            let entry = bytes.u64(place)
            if entry & 1 == 0 {
                try readPacked(at: entry)
                next = entry + 8
                continue
            }
            guard let base = next else { throw Self.damaged }
            for bit in 1..<64 as Range<UInt64> where entry >> bit & 1 != 0 {
                try readPacked(at: base + (bit - 1) * 8)
            }
            next = base + 63 * 8
        }
    }

    private mutating func readPacked(at address: UInt64) throws(PluginError) {
        guard let load = library.load(holding: address, 8), load.isWritable || mayWriteCode,
            let place = library.offset(of: address, 8)
        else { throw Self.damaged }
        let value = bytes.u64(place)
        if try fillsSlot(address) { calledAtLoad.append(value) }
    }

    private static var damaged: PluginError {
        ELFLibrary.damaged("the places to be filled in when it is loaded are wrong")
    }

    private static let entrySize = 24
    private static let flagTextRelocations: UInt64 = 4
}

/// What a relocation asks for.
enum ELFRelocationKind {
    case none
    /// An address of the library.
    case relative
    /// A symbol's address or size; with the bytes that are written.
    case symbol(UInt64)
    /// Something about a thread-local variable.
    case threadLocal(UInt64)
    /// What a function of the library returns, which the linker calls.
    case choice

    /// - Returns: nil for those that have no place in a shared library of this machine.
    init?(type: UInt32) {
        #if arch(x86_64)
        switch type {
        case 0: self = .none
        case 8: self = .relative
        case 37: self = .choice
        case 1, 6, 7, 24, 33: self = .symbol(8)
        case 2, 10, 32: self = .symbol(4)
        case 16, 17, 18: self = .threadLocal(8)
        case 36: self = .threadLocal(16)
        default: return nil
        }
        #elseif arch(arm64)
        switch type {
        case 0, 256: self = .none
        case 1027: self = .relative
        case 1032: self = .choice
        case 257, 260, 1025, 1026: self = .symbol(8)
        case 258, 261: self = .symbol(4)
        case 1028, 1029, 1030: self = .threadLocal(8)
        case 1031: self = .threadLocal(16)
        default: return nil
        }
        #endif
    }

    var width: UInt64 {
        switch self {
        case .none: 0
        case .relative, .choice: 8
        case .symbol(let width), .threadLocal(let width): width
        }
    }
}
