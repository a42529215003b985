package import HostCore

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
    package static func fileName(_ path: String) -> String {
        var path = path
        if let real = unsafe realpath(path, nil) {
            path = unsafe String(validatingCString: real) ?? path
            unsafe free(real)
        }
        return String(path.split(separator: "/").last ?? "")
    }

    /// The name by which the process has mapped a file already; nil: it has not. Opens nothing: the dynamic linker
    /// would, and wait at a FIFO with its lock held.
    package static func mappedName(of path: String) -> String? {
        var file = stat()
        guard unsafe stat(path, &file) == 0 else { return nil }
        return mappedNames().first { name in
            var mapped = stat()
            return unsafe name.hasPrefix("/") && stat(name, &mapped) == 0
                && mapped.st_dev == file.st_dev && mapped.st_ino == file.st_ino
        }
    }

    /// Whether the host program has loaded a library of a name itself. There is one of those for the whole process:
    /// two C libraries, or two Swift runtimes, don't get along.
    static func isOfHost(_ name: String) -> Bool { hostNames.contains(name) }

    /// To be called before a plugin is loaded.
    static func rememberHost() { _ = hostNames }

    private static let hostNames = Set(
        mappedNames().compactMap { $0.split(separator: "/").last.map { String($0) } })

    /// The files that are mapped as libraries, by the names that the dynamic linker has for them.
    private static func mappedNames() -> [String] {
        guard let iterate = unsafe iterateLibraries else { return [] }
        var names: [String] = []
        _ = unsafe withUnsafeMutablePointer(to: &names) { names in
            unsafe iterate(
                { information, _, names in
                    // `dl_phdr_info` begins with an address and the name.
                    let name = unsafe information.load(
                        fromByteOffset: 8, as: UnsafePointer<CChar>?.self)
                    if let name = unsafe name, let text = unsafe String(validatingCString: name) {
                        unsafe names.assumingMemoryBound(to: [String].self).pointee.append(text)
                    }
                    return 0
                }, names)
        }
        return names
    }

    /// The file that a handle of `dlopen` is mapped from.
    package static func path(of handle: UnsafeMutableRawPointer) -> String? {
        guard let map = unsafe map(of: handle),
            let name = unsafe map.load(
                fromByteOffset: nameOffset, as: UnsafePointer<CChar>?.self)
        else { return nil }
        return unsafe String(validatingCString: name)
    }

    /// The address that a handle's library is mapped at.
    package static func base(of handle: UnsafeMutableRawPointer) -> UInt? {
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

    private typealias Visit =
        @convention(c) (UnsafeRawPointer, Int, UnsafeMutableRawPointer) -> CInt
    private typealias Iterate = @convention(c) (Visit, UnsafeMutableRawPointer) -> CInt

    private static let iterateLibraries: Iterate? = unsafe dlsym(nil, "dl_iterate_phdr").map {
        unsafe unsafeBitCast($0, to: Iterate.self)
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
