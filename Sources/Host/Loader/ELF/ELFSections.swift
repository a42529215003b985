internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// The sections of a library file that tell what it exports. Everything in the file may be wrong: what is out of its
/// bounds is taken for not there.
struct ELFSections {
    struct Section {
        let type: UInt32
        let name: String
        let link: Int
        /// Empty for those that are of no interest here.
        let bytes: [UInt8]
    }

    private let sections: [Section]

    var names: [String] { sections.map(\.name) }

    /// - Throws: ``PluginError`` when it can't be read or is no whole library for this machine.
    init(opening path: String) throws(PluginError) {
        let file: CInt
        do throws(RegularFile.Failure) {
            file = try RegularFile.open(path)
        } catch {
            throw PluginError(.unreadable, "cannot read \(path): \(error.text)")
        }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw Self.unreadable(path) }
        let size = UInt64(status.st_size)
        func read(_ offset: UInt64, _ count: Int) throws(PluginError) -> [UInt8] {
            guard offset < size else { return [] }
            let count = min(count, Int(clamping: size - offset), Self.largest)
            var buffer = [UInt8](repeating: 0, count: count)
            let received = unsafe pread(file, &buffer, count, off_t(offset))
            guard received >= 0 else { throw Self.unreadable(path) }
            return Array(buffer.prefix(received))
        }
        do throws(PluginError) {
            try ELFImage(size: size, read: read).requireWhole()
            sections = try Self.sections(read)
        } catch {
            throw PluginError(error.code, "\(path): \(error.message)")
        }
    }

    func first(ofType type: UInt32) -> Section? { sections.first { $0.type == type } }

    /// The section that another one takes its texts from.
    func linked(from section: Section) -> Section? {
        sections.indices.contains(section.link) ? sections[section.link] : nil
    }

    /// A text of the dynamic section, whose entries are a tag and a value.
    func dynamicText(tag: UInt64) -> String? {
        guard let table = first(ofType: Self.dynamic), let texts = linked(from: table) else {
            return nil
        }
        for entry in stride(from: 0, to: table.bytes.count - 15, by: 16)
        where table.bytes.integer(UInt64.self, at: entry) == tag {
            let offset = table.bytes.integer(UInt64.self, at: entry + 8)
            return Self.text(in: texts.bytes, at: Int(clamping: offset))
        }
        return nil
    }

    // MARK: Reading

    private static func sections(
        _ read: (UInt64, Int) throws(PluginError) -> [UInt8]
    ) throws(PluginError) -> [Section] {
        let header = try read(0, 64)
        guard header.count == 64 else { return [] }
        let table = header.integer(UInt64.self, at: 40)
        let (entrySize, count) = (
            Int(header.integer(UInt16.self, at: 58)), Int(header.integer(UInt16.self, at: 60))
        )
        guard table > 0, entrySize >= headerSize else { return [] }
        let bytes = try read(table, entrySize * count)
        let headers = stride(from: 0, to: bytes.count, by: entrySize).map { bytes[$0...] }
            .map { Array($0.prefix(headerSize)) }
        let namesIndex = Int(header.integer(UInt16.self, at: 62))
        let names =
            headers.indices.contains(namesIndex) ? try content(of: headers[namesIndex], read) : []
        var sections: [Section] = []
        for header in headers {
            let type = header.integer(UInt32.self, at: 4)
            sections.append(
                Section(
                    type: type,
                    name: text(in: names, at: Int(header.integer(UInt32.self, at: 0))) ?? "",
                    link: Int(header.integer(UInt32.self, at: 40)),
                    bytes: isOfInterest(type) ? try content(of: header, read) : []))
        }
        return sections
    }

    private static func content(
        of header: [UInt8], _ read: (UInt64, Int) throws(PluginError) -> [UInt8]
    ) throws(PluginError) -> [UInt8] {
        try read(
            header.integer(UInt64.self, at: 24), Int(clamping: header.integer(UInt64.self, at: 32)))
    }

    /// Tables of symbols, texts and versions, and the dynamic section.
    private static func isOfInterest(_ type: UInt32) -> Bool {
        [3, dynamic, 11, 0x6FFF_FFFD, 0x6FFF_FFFF].contains(type)
    }

    static func text(in bytes: [UInt8], at offset: Int) -> String? {
        guard bytes.indices.contains(offset), let end = bytes[offset...].firstIndex(of: 0) else {
            return nil
        }
        return String(decoding: bytes[offset..<end], as: UTF8.self)
    }

    private static func unreadable(_ path: String) -> PluginError {
        PluginError(.unreadable, "cannot read \(path): \(SystemError.current)")
    }

    private static let headerSize = 64
    private static let dynamic: UInt32 = 6
    /// More than any table that a linker made.
    private static let largest = 1 << 30
}
