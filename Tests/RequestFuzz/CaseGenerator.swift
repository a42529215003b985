/// Draws requests, and things that are nearly requests.
struct CaseGenerator {
    private var random: SplitMix64
    private var bytes: [UInt8] = []
    /// What the grammar has made last, and how many cases are still made of it.
    private var original: [UInt8] = []
    private var variants = 0

    private static let variantsOfEach = 7

    init(seed: UInt64) {
        random = SplitMix64(state: seed)
    }

    mutating func next() -> [UInt8] {
        if variants > 0 {
            variants -= 1
            bytes = original
            for _ in 0...random.below(3) { mutate() }
        } else {
            variants = Self.variantsOfEach
            bytes.removeAll(keepingCapacity: true)
            let length = writeHead()
            writeBody(length)
            original = bytes
        }
        return bytes
    }

    // MARK: The grammar

    /// - Returns: the length that it announces.
    private mutating func writeHead() -> Int {
        if chance(of: 40) { write("\r\n") }
        write(any(Self.methods, odd: Self.oddMethods))
        write(any([" "], odd: ["  ", "\t", ""]))
        write(any(Self.targets, odd: Self.oddTargets))
        while chance(of: 2) { write(Self.targetPieces[random.below(Self.targetPieces.count)]) }
        write(any([" "], odd: ["  ", "\t", ""]))
        write(any(["HTTP/1.1"], odd: Self.oddVersions))
        writeLineEnd()
        var length = 0
        let fields = random.below(8)
        let host = random.below(fields + 1)
        for index in 0...fields {
            if index == host, !chance(of: 60) {
                writeField("Host", any(Self.hosts, odd: Self.oddHosts))
            }
            length += writeSomeField()
        }
        writeLineEnd()
        return length
    }

    private mutating func writeSomeField() -> Int {
        if chance(of: 3) {
            let length = random.below(20)
            writeField(
                "Content-Length",
                any(
                    ["\(length)"],
                    odd: ["0\(length)", "\(length),\(length)", "+\(length)", "0x\(length)"]))
            return length
        }
        writeField(
            any(Self.names, odd: Self.oddNames),
            any(Self.values, odd: Self.oddValues))
        return 0
    }

    private mutating func writeField(_ name: String, _ value: String) {
        switch random.below(3) {
        case 0: write(name)
        case 1: write(name.lowercased())
        default:
            for byte in name.utf8 {
                let isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A
                bytes.append(isLetter && chance(of: 2) ? byte ^ 0x20 : byte)
            }
        }
        write(any([": ", ":", ":\t", ": \t "], odd: [" :", "", ";", ":: "]))
        write(value)
        write(any(["", "", " ", "\t"], odd: ["\u{B}", "\0"]))
        writeLineEnd()
    }

    private mutating func writeLineEnd() {
        write(any(["\r\n"], odd: ["\n", "\r", "\r\r\n", " \r\n", "\r\n ", "\r\n\t"]))
    }

    private mutating func writeBody(_ length: Int) {
        for _ in 0..<length { bytes.append(UInt8(truncatingIfNeeded: random.next())) }
        if chance(of: 2) { write("GET / HTTP/1.1\r\nHost: b\r\n\r\n") }
    }

    private mutating func mutate() {
        let place = random.below(bytes.count)
        let byte =
            chance(of: 2)
            ? UInt8(truncatingIfNeeded: random.next())
            : Self.special[random.below(Self.special.count)]
        switch random.below(4) {
        case 0: bytes[place] = byte
        case 1: bytes.insert(byte, at: place)
        case 2: bytes.remove(at: place)
        default:
            let end = min(bytes.count, place + random.below(16))
            bytes.insert(contentsOf: bytes[place..<end], at: random.below(bytes.count))
        }
        if bytes.isEmpty { bytes.append(byte) }
    }

    // MARK: Details

    private mutating func write(_ text: String) { bytes += text.utf8 }

    private mutating func chance(of count: Int) -> Bool { random.below(count) == 0 }

    /// Mostly one of the first texts.
    private mutating func any(_ texts: [String], odd: [String]) -> String {
        chance(of: 60) ? odd[random.below(odd.count)] : texts[random.below(texts.count)]
    }

    private static let methods = ["GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"]
    private static let oddMethods = [
        "get", "Post", "", "PURGE", "CONNECT", "PRI", "GETS", "PU", "M-SEARCH", "SOURCE", "QUERY",
        "G\u{0}T",
    ]
    private static let targets = ["/", "/echo", "/a/b", "//", "/?", "/a?b=c", "/%2e%2E/"]
    private static let oddTargets = [
        "", "*", "http://a/", "a:80", "/\u{E9}", "/#", "?a", "https://", "/\u{7F}", "\\",
    ]
    private static let targetPieces = [
        "/", "?", "a", "%00", "=", "&", "+", ";", ":", "@", "..", "<", ">", "\"", "{", "|", "}",
        "^", "`", "\\", "[", "]",
    ]
    private static let oddVersions = [
        "HTTP/1.0", "HTTP/1.2", "HTTP/2.0", "HTTP/1.1.1", "HTTP/01.1", "http/1.1", "HTTP/1.", "",
        "RTSP/1.0", "ICY/1.1",
        "HTTP/1,1", "HTTP /1.1", "HTTP/0.9",
    ]
    private static let hosts = ["a", "127.0.0.1:8000", "[::1]", "a.b-c_d~", "%41:1", "x:"]
    private static let oddHosts = ["", "a b", "a,b", "a:x", "[a", "@", "a/b", "a:65536", "\u{E9}"]
    private static let names = [
        "Accept", "User-Agent", "Content-Type", "X-Request-Id", "X-SERVE-CALL-METHOD", "Cookie",
        "a", "!#$%&'*+-.^_`|~",
        "Connection", "X-Serve-Shard-Key", "X-Request-Timeout-Seconds", "Keep-Alive",
        "A-Name-That-Is-Longer-Than-All-Names-That-Mean-Something",
    ]
    private static let oddNames = [
        "Transfer-Encoding", "Expect", "Upgrade", "TE", "Trailer", "Proxy-Connection",
        "Content-Length", "Host", "", "a b",
        "a(", "\u{E9}", "HTTP2-Settings", "Transfer-Encoding\u{0}", "Content-Length\u{B}",
        "Sec-WebSocket-Key",
    ]
    private static let values = [
        "", "a", "close", "keep-alive", "Keep-Alive", "text/plain; charset=utf-8", "a b\tc",
        "\"{}\"", "1", "*/*",
        "a,b", "0.5",
    ]
    private static let oddValues = [
        "chunked", "100-continue", "upgrade", "close, keep-alive", "h2c", "websocket", "\u{E9}",
        "\u{0}", "\u{7F}",
        "trailers", "a\r\n b", "identity", "gzip, chunked", "a\rb", "a\nb", "keep-alive,",
    ]
    private static let special =
        Array("\r\n\t :/?#%,;\u{0}\u{7F}01HTTPaZ-_".utf8) + [0x80, 0xC3, 0xFF]
}

/// Source: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
private struct SplitMix64 {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = state
        bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }

    /// - Parameter limit: small, so that no number is likelier than another to matter.
    mutating func below(_ limit: Int) -> Int {
        limit == 0 ? 0 : Int(truncatingIfNeeded: next() >> 33) % limit
    }
}
