#if canImport(Glibc)
internal import Glibc
#endif

/// Where a library is that is named as the dynamic linker takes names.
package enum LibraryLocation {
    /// Finds a library's file. One without a slash in its name is mapped for it, and stays mapped: only the dynamic
    /// linker knows what it would take.
    ///
    /// - Parameter name: a path, or a soname such as `libm.so.6`.
    /// - Throws: ``PluginError`` with the linker's words.
    package static func find(_ name: String) throws(PluginError) -> String {
        if name.contains("/") { return name }
        guard let handle = unsafe dlopen(name, RTLD_LAZY | RTLD_LOCAL | RTLD_NODELETE) else {
            throw PluginError(.linkFailed, "cannot find \(name): \(linkerMessage)")
        }
        defer { unsafe dlclose(handle) }
        guard let path = unsafe path(of: handle) else {
            throw PluginError(.linkFailed, "cannot tell where \(name) is: give its path")
        }
        return path
    }

    /// The name of the file that a path leads to, links followed: `libz.so.1.2.13`.
    static func fileName(_ path: String) -> String {
        var path = path
        if let real = unsafe realpath(path, nil) {
            path = unsafe String(validatingCString: real) ?? path
            unsafe free(real)
        }
        return String(path.split(separator: "/").last ?? "")
    }

    /// Whether the process has mapped a file already, under whatever name.
    static func isMapped(_ path: String) -> Bool {
        guard let handle = unsafe dlopen(path, RTLD_LAZY | RTLD_NOLOAD) else { return false }
        unsafe dlclose(handle)
        return true
    }

    /// The file that a handle of `dlopen` is mapped from.
    static func path(of handle: UnsafeMutableRawPointer) -> String? {
        guard let map = unsafe map(of: handle),
            let name = unsafe map.load(
                fromByteOffset: nameOffset, as: UnsafePointer<CChar>?.self)
        else { return nil }
        return unsafe String(validatingCString: name)
    }

    /// The address that a handle's library is mapped at.
    static func base(of handle: UnsafeMutableRawPointer) -> UInt? {
        unsafe map(of: handle).map { unsafe $0.load(as: UInt.self) }
    }

    /// Its `struct link_map`.
    private static func map(of handle: UnsafeMutableRawPointer) -> UnsafeRawPointer? {
        var map: UnsafeRawPointer?
        guard let dlinfo = unsafe dlinfo, unsafe dlinfo(handle, linkMapRequest, &map) == 0 else {
            return nil
        }
        return unsafe map
    }

    /// What the linker said last on this thread.
    private static var linkerMessage: String {
        guard let text = unsafe dlerror(), let message = unsafe String(validatingCString: text)
        else { return "the dynamic linker doesn't say why" }
        return message
    }

    // Of <dlfcn.h> and <link.h>, but only for those who define _GNU_SOURCE, which Swift's Glibc doesn't.
    private typealias Information =
        @convention(c) (UnsafeMutableRawPointer, CInt, UnsafeMutablePointer<UnsafeRawPointer?>) ->
        CInt

    private static let dlinfo: Information? = unsafe dlsym(nil, "dlinfo").map {
        unsafe unsafeBitCast($0, to: Information.self)
    }
    /// `RTLD_DI_LINKMAP`.
    private static let linkMapRequest: CInt = 2
    /// Of `l_name` in `struct link_map`: behind an address.
    private static let nameOffset = 8
}
