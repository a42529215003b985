internal import HostCore

/// The part of a shared library's ELF headers that tells whether it is whole and for this machine.
///
/// The dynamic linker trusts these headers: it maps what they promise, and a file that ends earlier kills the process
/// with SIGBUS at the first touch of the missing part. So the host looks before it asks the linker.
///
/// Source: System V ABI, "ELF Header" and "Program Header"; `<elf.h>`.
struct ELFImage {
    /// The file's size, in bytes.
    let size: UInt64
    /// The size that the headers promise: the end of the last segment or of the section headers. As large as a number
    /// can be when they promise more than that.
    let promisedSize: UInt64
    /// Where the program headers are in the file.
    let programHeaders: Int
    let segments: [ELFSegment]
    let sectionHeaders: SectionHeaders

    /// Where the section headers are, if there are any.
    struct SectionHeaders {
        let offset: Int
        let entrySize: Int
        let count: Int
        /// Which section has the names.
        let namesIndex: Int
    }

    /// Reads the headers.
    ///
    /// - Parameters:
    ///   - size: the file's.
    ///   - read: up to `count` bytes of the file at an offset.
    /// - Throws: ``PluginError`` that says what the file is instead; what `read` throws.
    init(
        size: UInt64, read: (_ offset: UInt64, _ count: Int) throws(PluginError) -> [UInt8]
    ) throws(PluginError) {
        let header = try read(0, Self.headerSize)
        try Self.checkIdentity(header)

        let table = header.integer(UInt64.self, at: 32)
        let entrySize = Int(header.integer(UInt16.self, at: 54))
        let count = Int(header.integer(UInt16.self, at: 56))
        let tableSize = entrySize * count
        // Not always right behind the header: tools that need room for one more move the table to the end.
        guard table <= size, UInt64(tableSize) <= size - table else {
            throw Self.truncated(at: size)
        }
        guard count > 0, count <= Self.mostSegments, entrySize == Self.programHeaderSize else {
            throw PluginError(
                .notALibrary, "an ELF file with broken program headers: build or copy it again")
        }
        let bytes = try read(table, tableSize)
        guard bytes.count == tableSize else { throw Self.truncated(at: size) }

        let sectionTable = header.integer(UInt64.self, at: 40)
        sectionHeaders = SectionHeaders(
            offset: Int(clamping: sectionTable),
            entrySize: Int(header.integer(UInt16.self, at: 58)),
            count: Int(header.integer(UInt16.self, at: 60)),
            namesIndex: Int(header.integer(UInt16.self, at: 62)))
        var end = Self.end(
            sectionTable, UInt64(sectionHeaders.entrySize) * UInt64(sectionHeaders.count))
        var segments: [ELFSegment] = []
        for entry in stride(from: 0, to: tableSize, by: entrySize) {
            let segment = ELFSegment(bytes, at: entry)
            end = max(end, Self.end(segment.offset, segment.fileSize))
            segments.append(segment)
        }
        self.segments = segments
        programHeaders = Int(table)
        self.size = size
        promisedSize = end
    }

    /// - Throws: ``PluginError`` when the file ends before its headers say it does.
    func requireWhole() throws(PluginError) {
        guard size >= promisedSize else {
            throw PluginError(
                .notALibrary,
                "half a library: the file has \(size) bytes and its headers promise \(promisedSize); "
                    + "it is loaded when it has been written to the end")
        }
    }

    /// Whether it is a shared library for this machine.
    private static func checkIdentity(_ header: [UInt8]) throws(PluginError) {
        guard header.count >= 4, header[0] == 0x7F, header[1...3].elementsEqual("ELF".utf8) else {
            throw PluginError(
                .notALibrary,
                header.isEmpty
                    ? "the file is empty; copy the library again"
                    : "not a shared library: the file does not begin with an ELF header; "
                        + "put a compiled library here")
        }
        guard header.count >= headerSize else { throw truncated(at: UInt64(header.count)) }
        guard header[4] == class64, header[5] == littleEndian else {
            throw PluginError(
                .notALibrary,
                "a library for another machine, and this host loads 64-bit little-endian ones: "
                    + "rebuild it for this one")
        }
        let machine = header.integer(UInt16.self, at: 18)
        guard machine == hostMachine else {
            throw PluginError(
                .notALibrary,
                "a library for another machine (ELF machine \(machine)): "
                    + "rebuild it for this one (\(hostMachine))")
        }
        guard header.integer(UInt16.self, at: 16) == sharedObject else {
            throw PluginError(
                .notALibrary, "an ELF file but not a shared library: link it with -shared")
        }
    }

    private static func end(_ offset: UInt64, _ size: UInt64) -> UInt64 {
        let (end, overflow) = offset.addingReportingOverflow(size)
        return overflow ? .max : end
    }

    private static func truncated(at size: UInt64) -> PluginError {
        PluginError(
            .notALibrary,
            "half a library: the file ends after \(size) bytes, within its headers; "
                + "it is loaded when it has been written to the end")
    }

    private static let headerSize = 64
    static let programHeaderSize = 56
    /// Far more than any linker makes; the dynamic linker puts the table on its stack.
    static let mostSegments = 512
    private static let class64: UInt8 = 2
    private static let littleEndian: UInt8 = 1
    private static let sharedObject: UInt16 = 3
    #if arch(x86_64)
    private static let hostMachine: UInt16 = 62
    #elseif arch(arm64)
    private static let hostMachine: UInt16 = 183
    #endif
}

/// A segment of a library file, as its program header says.
struct ELFSegment {
    enum Kind: UInt32 {
        case load = 1
        case dynamic = 2
        case note = 4
        case programHeaders = 6
        case threadLocal = 7
        case unwindTable = 0x6474_E550
        case readOnlyAfterRelocation = 0x6474_E552
        case property = 0x6474_E553
    }

    /// nil: one that is of no interest here.
    let kind: Kind?
    let flags: UInt32
    let offset: UInt64
    let address: UInt64
    let fileSize: UInt64
    let memorySize: UInt64
    let alignment: UInt64

    /// Requires that the header is there.
    fileprivate init(_ header: [UInt8], at entry: Int) {
        kind = Kind(rawValue: header.integer(UInt32.self, at: entry))
        flags = header.integer(UInt32.self, at: entry + 4)
        offset = header.integer(UInt64.self, at: entry + 8)
        address = header.integer(UInt64.self, at: entry + 16)
        fileSize = header.integer(UInt64.self, at: entry + 32)
        memorySize = header.integer(UInt64.self, at: entry + 40)
        alignment = header.integer(UInt64.self, at: entry + 48)
    }

    var isExecutable: Bool { flags & 1 != 0 }
    var isWritable: Bool { flags & 2 != 0 }
    var isReadable: Bool { flags & 4 != 0 }
    /// Where it ends in memory. Requires that ``ELFCheck`` has found the segments in order.
    var end: UInt64 { address &+ memorySize }
}
