/// The header fields of a request or a response, in the order sent; a name may be there more than once. Names are the
/// same in whatever case.
///
/// They may still stand where they were received: then no text is made but of those that somebody asks for, until they
/// are changed.
package struct HeaderFields: Sendable {
    package typealias Field = (name: String, value: String)

    private enum Storage: Sendable {
        case texts([Field])
        case received(any HeaderSource)
    }

    private var storage: Storage

    package init(_ fields: [Field] = []) {
        storage = .texts(fields)
    }

    package init(_ source: any HeaderSource) {
        storage = .received(source)
    }

    /// As they were sent.
    package var all: [Field] {
        switch storage {
        case .texts(let fields): fields
        case .received(let source): source.allFields
        }
    }

    /// The values of all fields of a name.
    package subscript(name: String) -> [String] {
        switch storage {
        case .texts(let fields):
            fields.lazy.filter { HeaderName.areEqual($0.name, name) }.map(\.value)
        case .received(let source): source.values(of: name)
        }
    }

    package func first(name: String) -> String? {
        switch storage {
        case .texts(let fields): fields.first { HeaderName.areEqual($0.name, name) }?.value
        case .received(let source): source.firstValue(of: name)
        }
    }

    package func contains(name: String) -> Bool { first(name: name) != nil }

    /// The elements of all fields of a name, whose value is a list. Source: RFC 9110, section 5.6.1.
    package func elements(of name: String) -> [String] {
        self[name].flatMap { HTTPText.elements(of: $0).map { String($0) } }
    }

    package mutating func add(name: String, value: String) {
        change { fields in
            // Where there is one there are mostly more.
            if fields.isEmpty { fields.reserveCapacity(4) }
            fields.append((name, value))
        }
    }

    /// Puts one field in place of all of that name.
    package mutating func replaceOrAdd(name: String, value: String) {
        remove(name: name)
        add(name: name, value: value)
    }

    package mutating func remove(name: String) {
        change { fields in
            for index in fields.indices.reversed()
            where HeaderName.areEqual(fields[index].name, name) {
                fields.remove(at: index)
            }
        }
    }

    private mutating func change(_ body: (inout [Field]) -> Void) {
        var fields = all
        // Its only owner changes it in place.
        storage = .texts([])
        body(&fields)
        storage = .texts(fields)
    }

    /// Without the white space that may stand around the values. Source: RFC 9110, section 5.5.
    package var withoutSpaceAround: HeaderFields {
        HeaderFields(all.map { ($0.name, String(HTTPText.trimmed($0.value[...]))) })
    }

    /// With names in lower case, as plugins are told them.
    package var lowercased: [Field] { all.map { ($0.name.lowercased(), $0.value) } }
}

/// Header fields where they were received.
package protocol HeaderSource: AnyObject, Sendable {
    /// All of them, in the order sent.
    var allFields: [HeaderFields.Field] { get }
    /// Of all fields of a name, in whatever case.
    func values(of name: String) -> [String]
    func firstValue(of name: String) -> String?
}

extension HeaderFields: ExpressibleByDictionaryLiteral {
    package init(dictionaryLiteral fields: (String, String)...) {
        self.init(fields.map { (name: $0.0, value: $0.1) })
    }
}

/// Names of header fields: the same name in whatever case. Source: RFC 9110, section 5.1.
package enum HeaderName {
    /// Whether two texts differ in the case of ASCII letters at most.
    package static func areEqual(_ first: String, _ second: String) -> Bool {
        areEqual(first.utf8Span.span, second.utf8Span.span)
    }

    package static func areEqual(_ first: Span<UInt8>, _ second: Span<UInt8>) -> Bool {
        guard first.count == second.count else { return false }
        for index in first.indices where first[index] != second[index] {
            guard lowercased(first[index]) == lowercased(second[index]) else { return false }
        }
        return true
    }

    private static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= UInt8(ascii: "A") && byte <= UInt8(ascii: "Z") ? byte | 0x20 : byte
    }
}
