internal import CLinux
internal import NIOCore

/// What host and worker share, and where it is: the host's orders, a lane for each of the worker's threads; a slot for
/// each unfinished call; and the ring of the worker's reports.
///
/// There is no lock in it, no pointer and no reference count: what the other side breaks is its own. Each word has one
/// side that writes it, but for those that say that somebody sleeps.
///
///     0        header: magic, version, sizes         written by the host, before the worker is there
///     64       ring: bytes written                   worker
///     128      ring: bytes read                      host
///     192      ring: whether the host sleeps         both
///     196      ring: changes when there is room      host
///     4096     slots, 16 bytes each                  host
///     ...      lanes, 64 KiB each                    host, but for the word that says that the order was taken
///     ...      the ring                              worker
@safe package struct WorkerMemory: Sendable {
    package static let magic: UInt64 = 0x4250_574F_524B_4552
    /// Of this layout, and of all that is said through it.
    package static let version: UInt32 = 1

    package static let slotCount = 4_096
    static let slotSize = 16
    static let slots = 4_096
    package static let laneCount = 64
    static let laneSize = 64 << 10
    static let lanes = slots + slotCount * slotSize
    static let ringSize = 1 << 20
    static let ring = lanes + laneCount * laneSize
    package static let size = ring + ringSize

    enum Word {
        static let magic = 0
        static let version = 8
        static let bytesWritten = 64
        static let bytesRead = 128
        static let hostSleeps = 192
        static let room = 196
    }

    package let memory: SharedMemory

    /// Makes it. By the host.
    package init() throws(TransportError) {
        memory = try SharedMemory(named: "backplane-worker", size: Self.size)
        unsafe memory.base.storeBytes(
            of: Self.magic, toByteOffset: Word.magic, as: UInt64.self)
        store(Self.version, at: Word.version)
    }

    /// Takes what the host has made. By the worker.
    ///
    /// - Throws: ``TransportError`` when it was made by a host of another version.
    package init(taking descriptor: CInt) throws(TransportError) {
        memory = try SharedMemory(taking: descriptor, size: Self.size)
        let magic = unsafe memory.base.loadUnaligned(
            fromByteOffset: Word.magic, as: UInt64.self)
        guard magic == Self.magic, load(at: Word.version) == Self.version else {
            throw TransportError(
                "host and worker are of different versions: the worker speaks version \(Self.version)"
            )
        }
    }

    func load(at offset: Int) -> UInt32 { unsafe clinux_load_32(memory.base + offset) }
    func load64(at offset: Int) -> UInt64 { unsafe clinux_load_64(memory.base + offset) }
    func store(_ value: UInt32, at offset: Int) {
        unsafe clinux_store_32(memory.base + offset, value)
    }
    func store64(_ value: UInt64, at offset: Int) {
        unsafe clinux_store_64(memory.base + offset, value)
    }
    func exchange(_ value: UInt32, at offset: Int) -> UInt32 {
        unsafe clinux_exchange_32(memory.base + offset, value)
    }
    func wait(at offset: Int, while value: UInt32) {
        unsafe clinux_wait(memory.base + offset, value)
    }
    func wake(at offset: Int) { unsafe clinux_wake(memory.base + offset) }

    func copy(_ range: Range<Int>) -> ByteBuffer {
        unsafe ByteBuffer(
            bytes: UnsafeRawBufferPointer(start: memory.base + range.lowerBound, count: range.count)
        )
    }

    func write(_ bytes: ByteBuffer, at offset: Int) {
        unsafe bytes.withUnsafeReadableBytes { bytes in
            guard bytes.count > 0 else { return }
            unsafe (memory.base + offset).copyMemory(
                from: bytes.baseAddress!, byteCount: bytes.count)
        }
    }
}
