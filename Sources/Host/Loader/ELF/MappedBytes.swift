internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// The bytes of a file that nobody else writes, such as the store's own copies: mapped, so that a large one takes no
/// memory.
///
/// What is asked for beyond the end is zero. Whoever reads a hostile file checks the bounds of its tables, and
/// forgetting that once must not end the host.
@safe final class MappedBytes: @unchecked Sendable {
    // Sendable: the mapping is read alone, and lives as long as the object.
    let count: Int
    private let base: UnsafeRawPointer

    /// - Throws: ``RegularFile/Failure``, also for an empty file.
    init(_ file: CInt, count: Int) throws(RegularFile.Failure) {
        guard let base = unsafe mmap(nil, count, PROT_READ, MAP_PRIVATE, file, 0),
            unsafe base != MAP_FAILED
        else { throw .system(errno) }
        self.count = count
        unsafe self.base = UnsafeRawPointer(base)
    }

    deinit {
        unsafe munmap(UnsafeMutableRawPointer(mutating: base), count)
    }

    func has(_ offset: Int, _ size: Int) -> Bool {
        offset >= 0 && size >= 0 && offset <= count && size <= count - offset
    }

    // Little-endian, as the machines are that the host runs on.

    func u8(_ offset: Int) -> UInt8 {
        has(offset, 1) ? unsafe base.load(fromByteOffset: offset, as: UInt8.self) : 0
    }

    func u16(_ offset: Int) -> UInt16 {
        has(offset, 2) ? unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt16.self) : 0
    }

    func u32(_ offset: Int) -> UInt32 {
        has(offset, 4) ? unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self) : 0
    }

    func u64(_ offset: Int) -> UInt64 {
        has(offset, 8) ? unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self) : 0
    }

    func bytes(_ offset: Int, _ size: Int) -> [UInt8] {
        guard has(offset, size) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: base + offset, count: size))
    }

    /// The text that begins there, up to its zero.
    func text(_ offset: Int) -> String {
        guard has(offset, 1) else { return "" }
        let size = unsafe strnlen(
            (base + offset).assumingMemoryBound(to: CChar.self), count - offset)
        return unsafe String(
            decoding: UnsafeRawBufferPointer(start: base + offset, count: size), as: UTF8.self)
    }

    /// Whether a range is zeros and nothing else.
    func isZero(_ offset: Int, _ size: Int) -> Bool {
        guard has(offset, size), size > 0, u8(offset) == 0 else { return false }
        return unsafe memcmp(base + offset, base + offset + 1, size - 1) == 0
    }

    /// The hash of the text there, as `DT_GNU_HASH` has it.
    func gnuHash(_ offset: Int) -> UInt32 {
        var (hash, offset): (UInt32, Int) = (5381, offset)
        while offset < count {
            let byte = unsafe base.load(fromByteOffset: offset, as: UInt8.self)
            if byte == 0 { break }
            hash = hash &* 33 &+ UInt32(byte)
            offset += 1
        }
        return hash
    }

    /// The hash of the text there, as `DT_HASH` and the versions have it.
    func sysvHash(_ offset: Int) -> UInt32 {
        var (hash, offset): (UInt32, Int) = (0, offset)
        while offset < count {
            let byte = unsafe base.load(fromByteOffset: offset, as: UInt8.self)
            if byte == 0 { break }
            hash = hash << 4 &+ UInt32(byte)
            let high = hash & 0xF000_0000
            hash = (hash ^ high >> 24) & ~high
            offset += 1
        }
        return hash
    }

    /// Goes on with an FNV-1a hash over all bytes.
    func fingerprint(after start: UInt64) -> UInt64 {
        var hash = start
        for offset in 0..<count {
            let byte = unsafe base.load(fromByteOffset: offset, as: UInt8.self)
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3
        }
        return hash
    }
}
