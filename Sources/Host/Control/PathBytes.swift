/// A path as the key of a dictionary, compared byte by byte.
///
/// Not a `String`: to that, texts are equal which Unicode holds for equivalent, such as the kelvin sign and `K`; and a
/// part of a path would have to be copied to be looked up.
struct PathBytes: Hashable {
    let text: Substring

    init(_ text: Substring) {
        self.text = text
    }

    static func == (left: PathBytes, right: PathBytes) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
