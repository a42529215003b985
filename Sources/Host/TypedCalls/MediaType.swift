/// The content types that say how arguments are read.
enum MediaType {
    static func isJSON(_ contentType: String) -> Bool {
        let type = bare(contentType)
        return type == "application/json" || type.hasSuffix("+json")
    }

    static func isText(_ contentType: String) -> Bool { bare(contentType).hasPrefix("text/") }

    static func isForm(_ contentType: String) -> Bool {
        bare(contentType) == "application/x-www-form-urlencoded"
    }

    /// Without parameters, in lower case.
    private static func bare(_ contentType: String) -> String {
        var bare = ""
        for character in contentType.utf8 {
            if character == UInt8(ascii: ";") || character == UInt8(ascii: " ") { break }
            let isUpper = (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(character)
            bare.unicodeScalars.append(Unicode.Scalar(isUpper ? character | 0x20 : character))
        }
        return bare
    }
}
