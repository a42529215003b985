internal import CLinux
internal import HostCore
package import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// Memory that two processes have mapped. It has no name, and goes with the last process that has it.
///
/// Nobody can make it smaller: who touches a page that the other process has cut off is ended by SIGBUS.
@safe package final class SharedMemory: @unchecked Sendable {
    // Sendable: the address is constant; who may write where, and when, is the layout's matter.
    package let descriptor: CInt
    package let size: Int
    let base: UnsafeMutableRawPointer

    /// Makes memory, all zeros. Pages that nobody touches take none.
    ///
    /// - Parameter size: in bytes.
    /// - Throws: ``TransportError`` when the system has none.
    package convenience init(named name: String, size: Int) throws(TransportError) {
        let descriptor = unsafe clinux_shared_memory(name, UInt64(size))
        guard descriptor >= 0 else {
            throw TransportError("no memory to share: memfd_create: \(SystemError.current)")
        }
        try self.init(taking: descriptor, size: size)
    }

    /// Maps memory that another process has made.
    ///
    /// - Parameter descriptor: from now on this object's, also when this throws.
    /// - Throws: ``TransportError`` when it is smaller, or could be made smaller.
    package init(taking descriptor: CInt, size: Int) throws(TransportError) {
        guard clinux_is_sealed_memory(descriptor, UInt64(size)) != 0 else {
            close(descriptor)
            throw TransportError(
                "what came is no memory of \(size) bytes, sealed against shrinking")
        }
        let address = unsafe mmap(nil, size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let address = unsafe address, unsafe address != MAP_FAILED else {
            let reason = SystemError.current
            close(descriptor)
            throw TransportError("mmap: \(reason)")
        }
        self.descriptor = descriptor
        self.size = size
        unsafe base = address
    }

    /// The first bytes of it.
    package func copy(_ count: Int) -> ByteBuffer {
        unsafe ByteBuffer(bytes: UnsafeRawBufferPointer(start: base, count: count))
    }

    /// Writes to its beginning what has room.
    package func write(_ bytes: ByteBuffer) {
        precondition(bytes.readableBytes <= size, "more than there is room for")
        unsafe bytes.withUnsafeReadableBytes { bytes in
            unsafe UnsafeMutableRawBufferPointer(start: base, count: size).copyMemory(from: bytes)
        }
    }

    deinit {
        unsafe munmap(base, size)
        close(descriptor)
    }
}

/// Why host and worker can't talk, one line for people.
package struct TransportError: Error {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }
}
