package import HostCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// How a library comes into the store: looked at before anything is copied, copied without taking memory, looked at
/// again, and changed where it would share with other copies what is its own.
extension LibraryStore {
    /// Copies a library file, and those that it brings along. Blocks on the disk.
    ///
    /// - Parameter name: the plugin's name, for the copy's name.
    /// - Throws: ``PluginError`` when a file can't be read, is no library, is damaged, or changes meanwhile.
    package func copy(_ path: String, name: String) throws(PluginError) -> Copy {
        let number = nextNumber()
        let base = "\(directory)/\(name)-\(number)"
        var made = ["\(base).so.partial"]
        var isKept = false
        defer {
            if !isKept { for path in made { unsafe unlink(path) } }
        }
        let check = try Self.copyFile(path, to: made[0])
        var bundle = try LibraryBundle(
            of: Self.absolute(path), copiedTo: made[0], check
        ) { source, index throws(PluginError) in
            let file = source.split(separator: "/").last ?? ""
            made.append("\(base).\(index)-\(file.prefix(60))")
            let copy = made[index]
            return (copy, try Self.copyFile(source, to: copy))
        }
        let fingerprint = bundle.members.reduce(Self.emptyFingerprint) {
            $1.check.bytes.fingerprint(after: $0)
        }
        let final = "\(directory)/\(name)-\(String(fingerprint, radix: 16))-\(number).so"
        bundle.nameFirst(final)
        for (member, copy) in zip(bundle.members, made) {
            try Self.rewrite(bundle.rewrite(of: member), copy)
        }
        guard unsafe rename(made[0], final) == 0 else { throw Self.unwritable(final) }
        made[0] = final
        isKept = true
        return Copy(
            path: final, fingerprint: fingerprint, source: path,
            companions: bundle.members.dropFirst().map {
                Copy.Companion(path: $0.path, source: $0.source)
            },
            related: bundle.members.dropFirst().map(\.source) + bundle.missing,
            exportsEntry: bundle.members.contains { $0.check.exports(Self.entrySymbol) }
        )
    }

    /// More than any library has; a file of that size is something else.
    static let largestSize: UInt64 = 4 << 30

    private static func copyFile(_ path: String, to target: String) throws(PluginError) -> ELFCheck
    {
        let source: CInt
        do throws(RegularFile.Failure) {
            source = try RegularFile.open(path)
        } catch {
            throw unreadable(path, error)
        }
        defer { close(source) }
        let before = try status(of: source, path: path)
        let size = UInt64(before.st_size)
        guard size <= largestSize else {
            throw PluginError(
                .notALibrary,
                "the file has \(size >> 30) GiB, and the host takes libraries of up to "
                    + "\(largestSize >> 30) GiB")
        }
        // The first bytes say what it is; a file that is none is not copied.
        try image(of: source, path: path, size: size).requireWhole()

        let output = unsafe open(target, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o700)
        guard output >= 0 else { throw unwritable(target) }
        defer { close(output) }
        let copied = try transfer(from: source, path: path, to: output, target, size: size)

        let after = try status(of: source, path: path)
        guard
            after.st_size == before.st_size, after.st_mtim.tv_sec == before.st_mtim.tv_sec,
            after.st_mtim.tv_nsec == before.st_mtim.tv_nsec, copied == size
        else {
            throw PluginError(
                .notALibrary,
                "half a library: it is still being written; "
                    + "it is loaded when the writer has closed it")
        }
        let image = try image(of: output, path: target, size: size)
        try image.requireWhole()
        let bytes: MappedBytes
        do throws(RegularFile.Failure) {
            bytes = try MappedBytes(output, count: Int(size))
        } catch {
            throw unreadable(target, error)
        }
        return try ELFCheck(image, bytes)
    }

    private static func rewrite(_ rewrite: ELFRewrite, _ path: String) throws(PluginError) {
        let file = unsafe open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
        guard file >= 0 else { throw unwritable(path) }
        defer { close(file) }
        do throws(RegularFile.Failure) {
            try rewrite.apply(to: file)
        } catch {
            if case .system(let number) = error { errno = number }
            throw unwritable(path)
        }
    }

    fileprivate static func image(
        of file: CInt, path: String, size: UInt64
    ) throws(PluginError) -> ELFImage {
        try ELFImage(size: size) { offset, count throws(PluginError) in
            // Fewer bytes where the file ends.
            var buffer = [UInt8](repeating: 0, count: count)
            let received = unsafe pread(file, &buffer, count, off_t(offset))
            guard received >= 0 else { throw unreadable(path, .system(errno)) }
            return Array(buffer.prefix(received))
        }
    }

    /// Copies what there is, in the kernel where the file systems can, and not much more than `size`.
    ///
    /// - Returns: how many bytes were copied.
    private static func transfer(
        from source: CInt, path: String, to output: CInt, _ target: String, size: UInt64
    ) throws(PluginError) -> UInt64 {
        var total: UInt64 = 0
        if let copyFileRange = unsafe copyFileRange {
            while total < size {
                let count = copyFileRange(source, nil, output, nil, 1 << 30, 0)
                // Not between these file systems: then by hand, which also tells what is wrong.
                guard count > 0 else { break }
                total += UInt64(count)
            }
        }
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while total <= size {
            let count = unsafe read(source, &buffer, buffer.count)
            if count < 0 {
                if errno == EINTR { continue }
                throw unreadable(path, .system(errno))
            }
            if count == 0 { break }
            var written = 0
            while written < count {
                let result = unsafe buffer.withUnsafeBytes {
                    unsafe write(output, $0.baseAddress! + written, count - written)
                }
                if result < 0 {
                    if errno == EINTR { continue }
                    throw unwritable(target)
                }
                written += result
            }
            total += UInt64(count)
        }
        return total
    }

    fileprivate static func status(of file: CInt, path: String) throws(PluginError) -> stat {
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw unreadable(path, .system(errno)) }
        return status
    }

    /// A path as the dynamic linker would have it for `$ORIGIN`.
    private static func absolute(_ path: String) -> String {
        if path.hasPrefix("/") { return path }
        guard let current = unsafe getcwd(nil, 0) else { return path }
        defer { unsafe free(current) }
        return unsafe String(cString: current) + "/" + path
    }

    private static func unreadable(_ path: String, _ failure: RegularFile.Failure) -> PluginError {
        switch failure {
        case .system: PluginError(.unreadable, "cannot read \(path): \(failure.text)")
        case .other:
            PluginError(.notALibrary, "\(failure.text): put the library itself here")
        }
    }

    private static func unwritable(_ path: String) -> PluginError {
        guard errno != ENOSPC, errno != EDQUOT else {
            return PluginError(
                .unreadable,
                "there is no space left for its private copy in "
                    + "\(LibraryPath.directory(of: path)): free some, or set TMPDIR to a place "
                    + "with more and restart the host; \(SystemError.current)")
        }
        return PluginError(
            .unreadable, "cannot write the copy \(path): \(SystemError.current)")
    }

    private static let emptyFingerprint: UInt64 = 0xCBF2_9CE4_8422_2325

    // Of <unistd.h>, but only for those who define _GNU_SOURCE, which Swift's Glibc doesn't.
    private typealias CopyFileRange =
        @convention(c) (
            CInt, UnsafeMutablePointer<Int>?, CInt, UnsafeMutablePointer<Int>?, Int, CUnsignedInt
        ) -> Int

    private static let copyFileRange: CopyFileRange? = unsafe dlsym(nil, "copy_file_range").map {
        unsafe unsafeBitCast($0, to: CopyFileRange.self)
    }
}

/// A file that may be a library.
package enum LibraryFile {
    /// Whether it is all there, as far as its headers say. Blocks on the disk.
    package static func isWhole(_ path: String) -> Bool {
        guard let file = try? RegularFile.open(path) else { return false }
        defer { close(file) }
        do throws(PluginError) {
            let size = try LibraryStore.status(of: file, path: path).st_size
            try LibraryStore.image(of: file, path: path, size: UInt64(size)).requireWhole()
            return true
        } catch {
            return false
        }
    }
}

extension ELFCheck {
    /// Whether the dynamic linker finds a symbol of a name in the library itself.
    func exports(_ name: String) -> Bool {
        guard let table = library[.symbolTable] else { return false }
        for index in 1..<max(symbolCount, 1) {
            guard let place = library.offset(of: table + UInt64(24 * index), 24) else {
                return false
            }
            let symbol = ELFSymbol(bytes, at: place)
            if symbol.isDefined, !symbol.isLocal, bytes.text(texts + Int(symbol.name)) == name {
                return true
            }
        }
        return false
    }
}
