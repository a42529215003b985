internal import HostCore

/// The tables by which the dynamic linker finds a symbol, walked as it walks them.
///
/// What it compares is compared here as well, so that a hole in the names or in the symbols shows: a name whose hash is
/// another one than the table's would never be found.
///
/// Source: System V ABI, "Hash Table"; glibc's `elf/dl-lookup.c` and `elf/dl-setup_hash.c`.
struct ELFHashTables {
    /// As many symbols as the tables know of.
    private(set) var symbolCount = 0
    /// By index: whether a name leads to the symbol.
    private(set) var exported: [Bool] = []

    private let library: ELFLibrary
    private let texts: Int
    private let textsSize: UInt64
    private var bytes: MappedBytes { library.bytes }

    /// - Throws: ``PluginError``.
    init(_ library: ELFLibrary, texts: Int, textsSize: UInt64) throws(PluginError) {
        self.library = library
        self.texts = texts
        self.textsSize = textsSize
        guard library[.hash] != nil || library[.gnuHash] != nil else { throw Self.damaged }
        if let table = library[.hash] { try walk(table) }
        if let table = library[.gnuHash] { try walkGNU(table) }
    }

    /// `DT_GNU_HASH`: a filter, buckets, and in each chain the hashes of its names, the last one's lowest bit set.
    private mutating func walkGNU(_ table: UInt64) throws(PluginError) {
        guard let start = library.offset(of: table, 16) else { throw Self.damaged }
        let bucketCount = Int(bytes.u32(start))
        let first = Int(bytes.u32(start + 4))
        let filterSize = Int(bytes.u32(start + 8))
        guard filterSize.nonzeroBitCount == 1, bytes.u32(start + 12) < 32,
            library.offset(of: table, UInt64(16 + 8 * filterSize + 4 * bucketCount)) != nil
        else { throw Self.damaged }
        let buckets = start + 16 + 8 * filterSize
        let chains = buckets + 4 * bucketCount
        let chainsAddress = table + UInt64(chains - start)
        symbolCount = max(symbolCount, first)
        for bucket in 0..<bucketCount {
            var index = Int(bytes.u32(buckets + 4 * bucket))
            if index == 0 { continue }
            guard index >= first else { throw Self.damaged }
            while true {
                guard library.offset(of: chainsAddress + UInt64(4 * (index - first)), 4) != nil
                else { throw Self.damaged }
                let entry = bytes.u32(chains + 4 * (index - first))
                let hash = bytes.gnuHash(try name(of: index))
                guard (hash ^ entry) >> 1 == 0, Int(hash) % bucketCount == bucket else {
                    throw Self.damaged
                }
                lead(to: index)
                if entry & 1 != 0 { break }
                index += 1
            }
        }
    }

    /// `DT_HASH`: buckets, and for each symbol the next one of its chain.
    private mutating func walk(_ table: UInt64) throws(PluginError) {
        guard let start = library.offset(of: table, 8) else { throw Self.damaged }
        let (bucketCount, count) = (Int(bytes.u32(start)), Int(bytes.u32(start + 4)))
        guard bucketCount > 0,
            library.offset(of: table, UInt64(8 + 4 * (bucketCount + count))) != nil
        else { throw Self.damaged }
        let chains = start + 8 + 4 * bucketCount
        var steps = 0
        for bucket in 0..<bucketCount {
            var index = Int(bytes.u32(start + 8 + 4 * bucket))
            while index != 0 {
                steps += 1
                guard index < count, steps <= count,
                    Int(bytes.sysvHash(try name(of: index))) % bucketCount == bucket
                else { throw Self.damaged }
                lead(to: index)
                index = Int(bytes.u32(chains + 4 * index))
            }
        }
        symbolCount = max(symbolCount, count)
    }

    private mutating func lead(to index: Int) {
        if exported.count <= index {
            exported += repeatElement(false, count: index + 1 - exported.count)
        }
        exported[index] = true
        symbolCount = max(symbolCount, index + 1)
    }

    /// Where a symbol's name is in the file.
    private func name(of index: Int) throws(PluginError) -> Int {
        guard let table = library[.symbolTable],
            let symbol = library.offset(of: table &+ UInt64(24 * index), 24),
            UInt64(bytes.u32(symbol)) < textsSize
        else { throw Self.damaged }
        return texts + Int(bytes.u32(symbol))
    }

    private static var damaged: PluginError {
        ELFLibrary.damaged("the table of what it exports has a hole")
    }
}
