internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// Changes a private copy of a library, so that it shares nothing with another copy of it, or with other plugins:
///
/// - **Unique symbols** (`STB_GNU_UNIQUE`: what g++ makes of static variables in inline functions and templates) become
///   weak ones. The dynamic linker has one unique symbol of a name for the whole process, in spite of `RTLD_LOCAL`.
/// - **Its own name** (`DT_SONAME`) goes: whoever needs a library of that name would get this copy.
/// - **The libraries that it brings along** are needed by the paths of their copies, and versions are asked of those.
/// - **`$ORIGIN`** becomes the directory that the original is in.
///
/// The last two take longer texts than there were. So the string table is written anew, together with the program
/// headers, behind the end of the file, and is a segment of its own; all else stays where it was.
struct ELFRewrite {
    let library: ELFLibrary
    let symbolCount: Int
    let versionNeeds: [ELFVersions.Need]
    /// What the library calls libraries, and the paths of those that it is to get.
    var needed: [String: String] = [:]
    /// The directory of the original.
    let origin: String

    init(_ check: ELFCheck, origin: String) {
        library = check.library
        symbolCount = check.symbolCount
        versionNeeds = check.versionNeeds
        self.origin = origin
    }

    /// Makes the changes in a file with the library's content.
    ///
    /// - Throws: `errno` when the file can't be written.
    func apply(to file: CInt) throws(RegularFile.Failure) {
        try weakenSymbols(in: file)
        if let name = library.dynamic.last(where: { $0.tag == ELFTag.ownName.rawValue }) {
            try write(Self.bytes(Self.ignoredTag), to: file, at: name.position)
        }
        let replaced = library.dynamic.compactMap { entry in
            replacement(of: entry).map { (entry, $0) }
        }
        guard !replaced.isEmpty else { return }
        try replaceTexts(replaced, in: file)
    }

    private func weakenSymbols(in file: CInt) throws(RegularFile.Failure) {
        guard let table = library[.symbolTable], let start = library.offset(of: table, 24) else {
            return
        }
        for index in 0..<symbolCount {
            let symbol = ELFSymbol(library.bytes, at: start + 24 * index)
            guard symbol.binding == ELFSymbol.unique else { continue }
            try write([ELFSymbol.weak << 4 | symbol.type], to: file, at: start + 24 * index + 4)
        }
    }

    // MARK: Texts

    /// The text that an entry is to have in place of its own; nil: it keeps that.
    private func replacement(of entry: ELFLibrary.DynamicEntry) -> String? {
        switch ELFTag(rawValue: entry.tag) {
        case .needed: needed[library.text(entry.value)]
        case .runPath, .searchPath:
            Self.names(origin: library.text(entry.value))
                ? Self.replacingOrigin(in: library.text(entry.value), with: origin) : nil
        default: nil
        }
    }

    static func names(origin text: String) -> Bool {
        text.contains("$ORIGIN") || text.contains("${ORIGIN}")
    }

    static func replacingOrigin(in text: String, with directory: String) -> String {
        text.replacing("${ORIGIN}", with: directory).replacing("$ORIGIN", with: directory)
    }

    /// Where something is behind the end of the file, and in memory.
    private struct Place {
        let offset: Int
        let address: UInt64
    }

    private func replaceTexts(
        _ replaced: [(ELFLibrary.DynamicEntry, String)], in file: CInt
    ) throws(RegularFile.Failure) {
        let page = ELFCheck.pageSize
        let segments = library.image.segments
        let end = Place(
            offset: (library.bytes.count + Int(page) - 1) / Int(page) * Int(page),
            address: (library.end + page - 1) & ~(page - 1))
        let headersSize = (segments.count + 1) * ELFImage.programHeaderSize

        // The string table: what there was, and the new texts.
        let size = Int(library[.stringTableSize] ?? 0)
        var texts = library.bytes.bytes(library.texts, size)
        var places: [String: Int] = [:]
        func place(of text: String) -> Int {
            if let place = places[text] { return place }
            let place = texts.count
            texts += Array(text.utf8) + [0]
            places[text] = place
            return place
        }
        for (entry, text) in replaced {
            try write(Self.bytes(UInt64(place(of: text))), to: file, at: entry.position + 8)
        }
        for need in versionNeeds {
            guard let path = needed[need.library] else { continue }
            try write(Self.bytes(UInt32(place(of: path))), to: file, at: need.position)
        }
        let textsAddress = end.address + UInt64(headersSize)
        for entry in library.dynamic {
            let value: UInt64
            switch ELFTag(rawValue: entry.tag) {
            case .stringTable: value = textsAddress
            case .stringTableSize: value = UInt64(texts.count)
            default: continue
            }
            try write(Self.bytes(value), to: file, at: entry.position + 8)
        }
        let headers = programHeaders(with: end, size: headersSize + texts.count)
        try write(headers + texts, to: file, at: end.offset)
        // Last: with this the file is the new one.
        try write(Self.bytes(UInt64(end.offset)), to: file, at: 32)
        try write(Self.bytes(UInt16(segments.count + 1)), to: file, at: 56)
    }

    /// The program headers with one more segment that is loaded, which has them as well.
    private func programHeaders(with place: Place, size: Int) -> [UInt8] {
        let segments = library.image.segments
        let bytes = library.bytes
        var headers: [UInt8] = []
        let last = segments.lastIndex { $0.kind == .load } ?? 0
        for (index, segment) in segments.enumerated() {
            let header = library.image.programHeaders + index * ELFImage.programHeaderSize
            if segment.kind == .programHeaders {
                headers += Self.header(
                    .programHeaders, place, (segments.count + 1) * ELFImage.programHeaderSize, 8)
            } else {
                headers += bytes.bytes(header, ELFImage.programHeaderSize)
            }
            if index == last {
                headers += Self.header(.load, place, size, ELFCheck.pageSize)
            }
        }
        return headers
    }

    /// A program header of something that is only read.
    private static func header(
        _ kind: ELFSegment.Kind, _ place: Place, _ size: Int, _ alignment: UInt64
    ) -> [UInt8] {
        bytes(kind.rawValue) + bytes(4 as UInt32) + bytes(UInt64(place.offset))
            + bytes(place.address) + bytes(place.address) + bytes(UInt64(size))
            + bytes(UInt64(size)) + bytes(alignment)
    }

    // MARK: Writing

    private static func bytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
        (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }

    /// Not through the mapping: where the disk is full, that would end the process.
    private func write(
        _ bytes: [UInt8], to file: CInt, at offset: Int
    ) throws(RegularFile.Failure) {
        var written = 0
        while written < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe pwrite(
                    file, $0.baseAddress! + written, bytes.count - written,
                    off_t(offset + written))
            }
            if count < 0 {
                if errno == EINTR { continue }
                throw .system(errno)
            }
            written += count
        }
    }

    /// Of those that are left to systems, and that no system has: the dynamic linker passes it over.
    private static let ignoredTag: UInt64 = 0x6000_000D
}
