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

        let table = Self.integer(UInt64.self, in: header, at: 32)
        let entrySize = Int(Self.integer(UInt16.self, in: header, at: 54))
        let count = Int(Self.integer(UInt16.self, in: header, at: 56))
        let tableSize = entrySize * count
        // Not always right behind the header: tools that need room for one more move the table to the end.
        guard table <= size, UInt64(tableSize) <= size - table else {
            throw Self.truncated(at: size)
        }
        guard count == 0 || entrySize >= Self.programHeaderSize else {
            throw PluginError(
                .notALibrary, "an ELF file with broken program headers: build or copy it again")
        }
        let programHeaders = try read(table, tableSize)
        guard programHeaders.count == tableSize else { throw Self.truncated(at: size) }

        var end = Self.end(
            Self.integer(UInt64.self, in: header, at: 40),
            UInt64(Self.integer(UInt16.self, in: header, at: 58))
                * UInt64(Self.integer(UInt16.self, in: header, at: 60)))
        for entry in stride(from: 0, to: tableSize, by: max(entrySize, 1)) {
            let offset = Self.integer(UInt64.self, in: programHeaders, at: entry + 8)
            let fileSize = Self.integer(UInt64.self, in: programHeaders, at: entry + 32)
            end = max(end, Self.end(offset, fileSize))
        }
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
        let machine = integer(UInt16.self, in: header, at: 18)
        guard machine == hostMachine else {
            throw PluginError(
                .notALibrary,
                "a library for another machine (ELF machine \(machine)): "
                    + "rebuild it for this one (\(hostMachine))")
        }
        guard integer(UInt16.self, in: header, at: 16) == sharedObject else {
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

    private static func integer<Value: FixedWidthInteger>(
        _: Value.Type, in bytes: [UInt8], at offset: Int
    ) -> Value {
        var value = Value.zero
        for index in (0..<MemoryLayout<Value>.size).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: bytes[offset + index])
        }
        return value
    }

    private static let headerSize = 64
    private static let programHeaderSize = 56
    private static let class64: UInt8 = 2
    private static let littleEndian: UInt8 = 1
    private static let sharedObject: UInt16 = 3
    #if arch(x86_64)
    private static let hostMachine: UInt16 = 62
    #elseif arch(arm64)
    private static let hostMachine: UInt16 = 183
    #endif
}
