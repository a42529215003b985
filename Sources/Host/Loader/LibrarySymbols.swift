#if canImport(Glibc)
internal import Glibc
#endif

/// The functions that a signature names beside its own, such as the one that frees a string.
package enum LibrarySymbols {
    /// Finds a function as the library itself would: its own, or else the one that the whole process uses, and only
    /// then those of the libraries that it needs. `free` has to be that of the allocator in use, which may be another
    /// one than libc's: by LD_PRELOAD, or for a sanitizer.
    ///
    /// - Parameter handle: of `dlopen`.
    package static func find(
        _ name: String, in handle: UnsafeMutableRawPointer
    ) -> UnsafeMutableRawPointer? {
        guard let found = unsafe dlsym(handle, name) else { return unsafe dlsym(nil, name) }
        guard let common = unsafe dlsym(nil, name), unsafe common != found,
            let base = unsafe LibraryLocation.base(of: handle), unsafe base != self.base(of: found)
        else { return unsafe found }
        return unsafe common
    }

    /// Where the library begins that an address belongs to.
    private static func base(of address: UnsafeMutableRawPointer) -> UInt? {
        guard let dladdr = unsafe dladdr else { return nil }
        return unsafe withUnsafeTemporaryAllocation(
            byteCount: infoSize, alignment: MemoryLayout<UInt>.alignment
        ) { info in
            guard unsafe dladdr(address, info.baseAddress!) != 0 else { return nil }
            return unsafe info.load(fromByteOffset: baseOffset, as: UInt.self)
        }
    }

    // Of <dlfcn.h>, but only for those who define _GNU_SOURCE, which Swift's Glibc doesn't.
    private typealias Address =
        @convention(c) (UnsafeMutableRawPointer, UnsafeMutableRawPointer) -> CInt

    private static let dladdr: Address? = unsafe dlsym(nil, "dladdr").map {
        unsafe unsafeBitCast($0, to: Address.self)
    }
    /// Of `Dl_info`: four pointers, the library's beginning the second.
    private static let infoSize = 4 * MemoryLayout<UInt>.size
    private static let baseOffset = MemoryLayout<UInt>.size
}
