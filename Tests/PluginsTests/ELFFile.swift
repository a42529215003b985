import Foundation

/// A shared library's bytes, to be bent out of shape.
struct ELFFile {
    var bytes: [UInt8]

    static let programHeaderSize = 56

    init(_ path: String) throws {
        bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    func write(to path: String) throws {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }

    // MARK: The header, by the names of <elf.h>

    var elfClass: UInt8 {
        get { bytes[4] }
        set { bytes[4] = newValue }
    }

    var byteOrder: UInt8 {
        get { bytes[5] }
        set { bytes[5] = newValue }
    }

    var machine: UInt16 {
        get { self[18] }
        set { self[18] = newValue }
    }

    var programHeaders: UInt64 {
        get { self[32] }
        set { self[32] = newValue }
    }

    var programHeaderCount: Int { Int(self[56] as UInt16) }

    /// Where the headers before the first segment's content end.
    var headersEnd: Int {
        Int(programHeaders) + programHeaderCount * Self.programHeaderSize
    }

    /// Takes away the section headers, which nothing needs at run time, as `sstrip` does.
    mutating func removeSectionHeaders() {
        self[40] = UInt64(0)
        self[58] = UInt16(0)
        self[60] = UInt16(0)
        self[62] = UInt16(0)
        bytes.removeLast(bytes.count - endOfSegments)
    }

    /// Moves the program headers behind everything else, as tools that need room for one more do.
    mutating func moveProgramHeaders(to offset: Int) {
        let table = bytes[Int(programHeaders)..<headersEnd]
        bytes += [UInt8](repeating: 0, count: offset - bytes.count)
        bytes += table
        programHeaders = UInt64(offset)
    }

    // MARK: Segments

    /// The file offset of a segment's content.
    func segmentOffset(_ index: Int) -> Int { Int(self[header(index) + 8] as UInt64) }

    func segmentFileSize(_ index: Int) -> Int { Int(self[header(index) + 32] as UInt64) }

    /// The segments with content in the file that the dynamic linker maps.
    var loadedSegments: [Int] {
        (0..<programHeaderCount).filter {
            self[header($0)] as UInt32 == 1 && segmentFileSize($0) > 0
        }
    }

    var endOfSegments: Int {
        loadedSegments.map { segmentOffset($0) + segmentFileSize($0) }.max() ?? 0
    }

    mutating func setSegment(_ index: Int, offset: UInt64, fileSize: UInt64) {
        let header = header(index)
        self[header + 8] = offset
        self[header + 32] = fileSize
    }

    private func header(_ index: Int) -> Int {
        Int(programHeaders) + index * Self.programHeaderSize
    }

    private subscript<Value: FixedWidthInteger>(offset: Int) -> Value {
        get {
            bytes.withUnsafeBytes {
                Value(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: Value.self))
            }
        }
        set {
            bytes.withUnsafeMutableBytes {
                $0.storeBytes(of: newValue.littleEndian, toByteOffset: offset, as: Value.self)
            }
        }
    }
}
