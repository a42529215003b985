internal import HostCore

/// What stands at the end of the file, and where a write that was not finished shows first.
extension ELFCheck {
    /// The dynamic linker has no use for sections. But they are the last that a linker writes, and they say what is
    /// code.
    func checkSections() throws(PluginError) {
        let headers = library.image.sectionHeaders
        guard headers.offset > 0, headers.count > 0 else { return }
        guard headers.entrySize == Self.headerSize, headers.namesIndex < headers.count,
            bytes.isZero(headers.offset, 4 * 4)
        else { throw Self.damaged("its section headers are none") }
        for index in 1..<max(headers.count, 1) {
            let header = headers.offset + index * Self.headerSize
            let type = bytes.u32(header + 4)
            guard !bytes.isZero(header, Self.headerSize) else {
                throw Self.damaged("the end of the file is missing: there are zeros in its place")
            }
            let (offset, size) = (bytes.u64(header + 24), bytes.u64(header + 32))
            let takesNoSpace = type == Self.noBits || type == 0
            guard
                takesNoSpace
                    || offset <= UInt64(bytes.count) && size <= UInt64(bytes.count) - offset,
                index != headers.namesIndex || type == Self.texts
            else { throw Self.damaged("its section headers are none") }
            let flags = bytes.u64(header + 8)
            if type == Self.programBits, flags & Self.executable != 0 {
                try checkHoles(Int(offset), Int(size))
            }
        }
    }

    /// A block of the file that is zeros and nothing else, where no compiler writes that.
    private func checkHoles(_ start: Int, _ size: Int) throws(PluginError) {
        var block = (start + Self.blockSize - 1) / Self.blockSize * Self.blockSize
        while block + Self.blockSize <= start + size {
            guard !bytes.isZero(block, Self.blockSize) else {
                throw Self.damaged("there is a hole in its code, at byte \(block)")
            }
            block += Self.blockSize
        }
    }

    private static let headerSize = 64
    /// The smallest piece of a file that a disk loses.
    private static let blockSize = 512
    private static let (programBits, texts): (UInt32, UInt32) = (1, 3)
    private static let noBits: UInt32 = 8
    private static let executable: UInt64 = 4
}
