/// The entries of debug information that make up functions and types, taken from `readelf`'s lines.
struct DebugEntries {
    struct Entry {
        var tag: String
        /// Without `DW_AT_`; the members that are of interest here.
        var members: [Substring: String] = [:]
        var children: [Int] = []
    }

    /// By the offset in the section.
    private(set) var kept: [Int: Entry] = [:]
    /// The entries that the next one may stand in: of each level, the last one.
    private var parents: [Int?] = []
    private var current: Int?

    /// - Parameter line: ` <1><2e>: Abbrev Number: 1 (DW_TAG_base_type)`, or
    ///   `    <2f>   DW_AT_byte_size   : 8`.
    mutating func take(_ line: String) {
        if line.hasPrefix(" <") { begin(line) } else if current != nil { takeMember(line) }
    }

    mutating func end() {
        current = nil
    }

    private mutating func begin(_ line: String) {
        let parts = line.split(whereSeparator: { "<>:() ".contains($0) })
        guard parts.count >= 2, let depth = Int(parts[0]), let offset = Int(parts[1], radix: 16)
        else { return }
        current = nil
        guard let tag = parts.last, tag.hasPrefix("DW_TAG_") else { return }
        parents.removeLast(max(0, parents.count - depth))
        while parents.count < depth { parents.append(nil) }
        let name = tag.dropFirst(7)
        guard Self.tags.contains(name) else {
            parents.append(nil)
            return
        }
        if depth > 0, let parent = parents[depth - 1] {
            kept[parent]?.children.append(offset)
        }
        kept[offset] = Entry(tag: String(name))
        parents.append(offset)
        current = offset
    }

    private mutating func takeMember(_ line: String) {
        guard let current, let start = line.firstRange(of: "DW_AT_"),
            let colon = line[start.upperBound...].firstIndex(of: ":")
        else { return }
        let name = line[start.upperBound..<colon].prefix { $0 != " " }
        guard Self.members.contains(name) else { return }
        kept[current]?.members[name] = Self.value(line[line.index(after: colon)...])
    }

    /// `(indirect string, offset: 0x5): long int` is `long int`; `<0x63>` is `0x63`; `5	(signed)` is `5`.
    private static func value(_ text: Substring) -> String {
        var text = text.drop { $0 == " " }
        if text.hasPrefix("("), let end = text.firstRange(of: "): ") {
            return String(text[end.upperBound...])
        }
        if text.hasPrefix("<"), let end = text.firstIndex(of: ">") {
            text = text[..<end].dropFirst()
        }
        return String(text.prefix { $0 != "\t" })
    }

    private static let tags: Set<Substring> = [
        "subprogram", "formal_parameter", "unspecified_parameters", "base_type", "typedef",
        "pointer_type", "const_type", "volatile_type", "restrict_type", "atomic_type",
        "structure_type", "class_type", "union_type", "member", "enumeration_type", "enumerator",
        "array_type", "subrange_type", "subroutine_type", "unspecified_type",
    ]
    private static let members: Set<Substring> = [
        "name", "linkage_name", "type", "external", "declaration", "prototyped", "encoding",
        "byte_size", "const_value", "upper_bound", "count", "bit_size", "data_bit_offset",
        "abstract_origin", "specification", "data_member_location", "noreturn",
    ]
}
