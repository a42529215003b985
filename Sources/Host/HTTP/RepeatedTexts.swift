internal import HostCore

/// Texts that are the same in most requests, so that they are made once.
struct RepeatedTexts {
    var path = RepeatedText()
    var contentType = RepeatedText()
}

/// A text that is kept until another one is asked for.
struct RepeatedText {
    private var last = ""

    /// - Parameter ascii: bytes that are known to be ASCII.
    mutating func text(_ ascii: Span<UInt8>) -> String {
        if last.utf8.count != ascii.count || !ascii.starts(with: last) {
            last = String(copying: ascii)
        }
        return last
    }
}
