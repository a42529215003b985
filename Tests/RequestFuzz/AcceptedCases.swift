import Foundation

/// A file of requests: each with its bytes, and what was read from them, both behind their sizes in four bytes, the
/// lowest first.
final class AcceptedCases {
    private let handle: FileHandle
    private var buffer = Data()

    init(path: String) throws {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        handle = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }

    func write(_ bytes: ArraySlice<UInt8>, _ request: FuzzedRequest) throws {
        append(Data(bytes))
        var text = "\(request.method) \(request.target)\n"
        for field in request.fields { text += "\(field[0].lowercased()):\(field[1])\n" }
        append(Data((text + "\n").utf8) + request.body)
        if buffer.count > 1 << 20 { try flush() }
    }

    func close() throws {
        try flush()
        try handle.close()
    }

    private func append(_ data: Data) {
        for shift in [0, 8, 16, 24] {
            buffer.append(UInt8(truncatingIfNeeded: data.count >> shift))
        }
        buffer.append(data)
    }

    private func flush() throws {
        try handle.write(contentsOf: buffer)
        buffer.removeAll()
    }
}
