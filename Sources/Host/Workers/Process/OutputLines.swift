internal import HostLogging
internal import Logging

#if canImport(Glibc)
internal import Glibc
#endif

/// What a worker process writes to its standard output and error: lines of the log.
struct OutputLines {
    /// A line that is longer comes in pieces.
    private static let longest = 4 << 10

    private static let crash = " critical backplane: "

    private let descriptor: CInt
    private let logger: Logger
    private var line: [UInt8] = []

    init(of descriptor: CInt, logger: Logger) {
        self.descriptor = descriptor
        self.logger = logger
    }

    /// Takes what is there.
    ///
    /// - Returns: whether there may be more later.
    mutating func read() -> Bool {
        var bytes = [UInt8](repeating: 0, count: 4 << 10)
        // Bound: what one pipe holds; a writer that is faster gets its turn with the next poll.
        for _ in 0..<16 {
            let count = unsafe Glibc.read(descriptor, &bytes, bytes.count)
            guard count > 0 else { return count < 0 && (errno == EAGAIN || errno == EINTR) }
            for byte in bytes.prefix(count) {
                if byte == UInt8(ascii: "\n") { log() } else { line.append(byte) }
                if line.count >= Self.longest { log() }
            }
        }
        return true
    }

    private mutating func log() {
        defer { line.removeAll(keepingCapacity: true) }
        guard !line.isEmpty else { return }
        let text = String(decoding: line, as: UTF8.self)
        // What a crash leaves begins as a line of a log: with the time, which this one has, too.
        if let crash = text.firstRange(of: Self.crash) {
            logger.critical("\(text[crash.upperBound...])")
        } else {
            logger.info("\(text)", metadata: ["source": "output"])
        }
    }
}
