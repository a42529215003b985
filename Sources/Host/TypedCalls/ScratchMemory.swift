/// Memory for the values of one call: taken piece by piece, given back all at once.
///
/// The first pieces come from memory that the caller lends, mostly its stack; what has no room there from the heap.
@safe struct ScratchMemory: ~Copyable {
    private var next: UnsafeMutableRawPointer
    private var room: Int
    private var chunks: [UnsafeMutableRawPointer] = unsafe []
    private var total = 0

    private static let alignment = 16
    private static let smallestChunk = 4096
    /// The most that the values of one call may take.
    static let limit = 1 << 30

    /// - Parameter lent: aligned to 16, valid as long as this.
    init(_ lent: UnsafeMutableRawBufferPointer) {
        unsafe next = lent.baseAddress!
        room = lent.count
    }

    deinit {
        for index in unsafe chunks.indices { unsafe chunks[index].deallocate() }
    }

    /// Takes `size` bytes, aligned to 16, with anything in them.
    mutating func take(_ size: Int) throws(ArgumentError) -> UnsafeMutableRawPointer {
        let rounded = (max(size, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        if rounded > room { try addChunk(rounded) }
        let piece = unsafe next
        unsafe next += rounded
        room -= rounded
        return unsafe piece
    }

    /// Makes a piece larger, where it is if it is the last one, and returns where it is.
    mutating func grow(
        _ piece: UnsafeMutableRawPointer, from size: Int, to newSize: Int
    ) throws(ArgumentError) -> UnsafeMutableRawPointer {
        let rounded = (max(size, 1) + Self.alignment - 1) & ~(Self.alignment - 1)
        if unsafe piece + rounded == next {
            let added = ((newSize + Self.alignment - 1) & ~(Self.alignment - 1)) - rounded
            if added <= room {
                unsafe next += added
                room -= added
                return unsafe piece
            }
        }
        let larger = try unsafe take(newSize)
        unsafe larger.copyMemory(from: piece, byteCount: size)
        return unsafe larger
    }

    private mutating func addChunk(_ size: Int) throws(ArgumentError) {
        let size = max(size, Self.smallestChunk)
        total += size
        guard total <= Self.limit else {
            throw ArgumentError("more than \(Self.limit >> 20) MiB for the values of one call")
        }
        unsafe next = .allocate(byteCount: size, alignment: Self.alignment)
        room = size
        unsafe chunks.append(next)
    }
}
