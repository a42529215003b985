package import NIOCore

/// The host's end. One thread. Nothing that is read is believed before it is copied and checked.
package final class ReportReader {
    private let memory: WorkerMemory
    private var read: UInt64 = 0

    package init(in memory: WorkerMemory) {
        self.memory = memory
    }

    /// The next report.
    ///
    /// - Returns: a copy; nil when there is none.
    /// - Throws: ``TransportError`` when there can't be what the ring says.
    package func next() throws(TransportError) -> ByteBuffer? {
        let written = memory.load64(at: WorkerMemory.Word.bytesWritten)
        guard written != read else { return nil }
        let there = written &- read
        guard there <= UInt64(WorkerMemory.ringSize), there >= 4 else {
            throw TransportError("the ring of reports is to have \(there) bytes")
        }
        let size = Int(
            memory.load(at: WorkerMemory.ring + Int(read % UInt64(WorkerMemory.ringSize))))
        let whole = ReportFrame.size(of: size)
        guard size > 0, size <= ReportFrame.capacity, whole <= Int(there) else {
            throw TransportError("a report is to have \(size) bytes, of \(there) in the ring")
        }
        let report = copy(size, at: read &+ 4)
        read &+= UInt64(whole)
        memory.store64(read, at: WorkerMemory.Word.bytesRead)
        memory.store(memory.load(at: WorkerMemory.Word.room) &+ 1, at: WorkerMemory.Word.room)
        // Half of it is free again: before that a writer that waits would write little and wait again.
        if WorkerMemory.ringSize - Int(there) < ReportFrame.capacity * 2 {
            memory.wake(at: WorkerMemory.Word.room)
        }
        return report
    }

    private func copy(_ size: Int, at position: UInt64) -> ByteBuffer {
        let offset = Int(position % UInt64(WorkerMemory.ringSize))
        let first = min(size, WorkerMemory.ringSize - offset)
        let start = WorkerMemory.ring + offset
        var bytes = memory.copy(start..<start + first)
        if first < size {
            bytes.writeImmutableBuffer(
                memory.copy(WorkerMemory.ring..<WorkerMemory.ring + size - first))
        }
        return bytes
    }

    /// Says that the reader is about to sleep.
    ///
    /// - Returns: whether it may: nothing has come meanwhile.
    package func beginSleep() -> Bool {
        memory.store(1, at: WorkerMemory.Word.hostSleeps)
        guard memory.load64(at: WorkerMemory.Word.bytesWritten) == read else {
            endSleep()
            return false
        }
        return true
    }

    package func endSleep() { memory.store(0, at: WorkerMemory.Word.hostSleeps) }
}

/// How reports stand in the ring: a length, the bytes, and zeros up to the next multiple of eight.
package enum ReportFrame {
    /// The largest report. A body that is larger comes in several.
    package static let capacity = WorkerMemory.ringSize / 8

    static func size(of report: Int) -> Int { (4 + report + 7) & ~7 }
}
