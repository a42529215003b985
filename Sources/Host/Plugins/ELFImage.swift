#if canImport(Glibc)
internal import Glibc
#endif

/// The part of a shared library's ELF headers that tells whether it is whole and for this machine.
///
/// The dynamic linker trusts these headers: it maps what they promise, and a file that ends earlier kills the process
/// with SIGBUS at the first touch of the missing part. So the host looks before it asks the linker.
///
/// Source: System V ABI, "ELF Header" and "Program Header"; `<elf.h>`.
struct ELFImage {
    /// The size that the headers promise, in bytes: the end of the last segment or section table.
    let promisedSize: UInt64

    /// Reads the headers in the file's first bytes.
    ///
    /// - Parameter prefix: the file's beginning; 64 KiB hold the program headers of any library in practice.
    /// - Throws: ``PluginError`` that says what the file is instead.
    init(prefix: [UInt8]) throws(PluginError) {
        guard prefix.count >= 4, prefix[0] == 0x7F, prefix[1...3].elementsEqual("ELF".utf8) else {
            throw PluginError(
                .notALibrary,
                prefix.isEmpty
                    ? "the file is empty; copy the library again"
                    : "not a shared library: the file does not begin with an ELF header")
        }
        guard prefix.count >= Self.headerSize else { throw Self.truncated(at: prefix.count) }
        guard prefix[4] == Self.class64, prefix[5] == Self.littleEndian else {
            throw PluginError(
                .notALibrary,
                "a library for another machine: this host loads 64-bit little-endian ones")
        }
        let machine = Self.integer(UInt16.self, in: prefix, at: 18)
        guard machine == Self.hostMachine else {
            throw PluginError(
                .notALibrary,
                "a library for another machine (ELF machine \(machine)): "
                    + "rebuild it for this one (\(Self.hostMachine))")
        }
        let type = Self.integer(UInt16.self, in: prefix, at: 16)
        guard type == Self.sharedObject else {
            throw PluginError(
                .notALibrary, "an ELF file but not a shared library: link it with -shared")
        }

        let programHeaders = Self.integer(UInt64.self, in: prefix, at: 32)
        let programHeaderSize = UInt64(Self.integer(UInt16.self, in: prefix, at: 54))
        let programHeaderCount = UInt64(Self.integer(UInt16.self, in: prefix, at: 56))
        let sectionHeaders = Self.integer(UInt64.self, in: prefix, at: 40)
        let sectionHeaderSize = UInt64(Self.integer(UInt16.self, in: prefix, at: 58))
        let sectionHeaderCount = UInt64(Self.integer(UInt16.self, in: prefix, at: 60))

        var end = sectionHeaders &+ sectionHeaderSize * sectionHeaderCount
        for index in 0..<programHeaderCount {
            let header = programHeaders &+ index * programHeaderSize
            guard header < UInt64(prefix.count), UInt64(prefix.count) - header >= 56 else {
                throw Self.truncated(at: prefix.count)
            }
            let offset = Self.integer(UInt64.self, in: prefix, at: Int(header) + 8)
            let fileSize = Self.integer(UInt64.self, in: prefix, at: Int(header) + 32)
            end = max(end, offset &+ fileSize)
        }
        promisedSize = end
    }

    /// - Throws: ``PluginError`` when the file ends before its headers say it does.
    func requireWhole(size: UInt64) throws(PluginError) {
        guard size >= promisedSize else {
            throw PluginError(
                .notALibrary,
                "half a library: the file has \(size) bytes and its headers promise \(promisedSize); "
                    + "it is loaded when it has been written to the end")
        }
    }

    private static func truncated(at size: Int) -> PluginError {
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
    private static let class64: UInt8 = 2
    private static let littleEndian: UInt8 = 1
    private static let sharedObject: UInt16 = 3
    #if arch(x86_64)
    private static let hostMachine: UInt16 = 62
    #elseif arch(arm64)
    private static let hostMachine: UInt16 = 183
    #endif
}
