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
        let file = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard file >= 0 else { throw Self.unreadable(path) }
        defer { close(file) }
        var status = stat()
        guard unsafe fstat(file, &status) == 0 else { throw Self.unreadable(path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw PluginError(.notALibrary, "\(path) is not a regular file")
        }
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
        where Self.integer(UInt64.self, table.bytes, entry) == tag {
            let offset = Self.integer(UInt64.self, table.bytes, entry + 8)
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
        let table = integer(UInt64.self, header, 40)
        let (entrySize, count) = (
            Int(integer(UInt16.self, header, 58)), Int(integer(UInt16.self, header, 60))
        )
        guard table > 0, entrySize >= headerSize else { return [] }
        let bytes = try read(table, entrySize * count)
        let headers = stride(from: 0, to: bytes.count, by: entrySize).map { bytes[$0...] }
            .map { Array($0.prefix(headerSize)) }
        let namesIndex = Int(integer(UInt16.self, header, 62))
        let names =
            headers.indices.contains(namesIndex) ? try content(of: headers[namesIndex], read) : []
        var sections: [Section] = []
        for header in headers {
            let type = integer(UInt32.self, header, 4)
            sections.append(
                Section(
                    type: type,
                    name: text(in: names, at: Int(integer(UInt32.self, header, 0))) ?? "",
                    link: Int(integer(UInt32.self, header, 40)),
                    bytes: isOfInterest(type) ? try content(of: header, read) : []))
        }
        return sections
    }

    private static func content(
        of header: [UInt8], _ read: (UInt64, Int) throws(PluginError) -> [UInt8]
    ) throws(PluginError) -> [UInt8] {
        try read(
            integer(UInt64.self, header, 24), Int(clamping: integer(UInt64.self, header, 32)))
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

    /// Little-endian, as the machines are that the host runs on. Requires that it is there.
    static func integer<Value: FixedWidthInteger>(
        _: Value.Type, _ bytes: [UInt8], _ offset: Int
    ) -> Value {
        var value = Value.zero
        for index in (0..<MemoryLayout<Value>.size).reversed() {
            value = value << 8 | Value(truncatingIfNeeded: bytes[offset + index])
        }
        return value
    }

    private static func unreadable(_ path: String) -> PluginError {
        PluginError(.unreadable, "cannot read \(path): \(SystemError.current)")
    }

    private static let headerSize = 64
    private static let dynamic: UInt32 = 6
    /// More than any table that a linker made.
    private static let largest = 1 << 30
}
