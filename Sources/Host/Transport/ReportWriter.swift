internal import NIOConcurrencyHelpers
package import NIOCore

/// The worker's end of the ring of reports. Any thread.
package final class ReportWriter: Sendable {
    private let memory: WorkerMemory
    private let wakeHost: @Sendable () -> Void
    /// Of this process: no other one waits for it.
    private let lock = NIOLock()

    /// - Parameter wakeHost: called when the host sleeps and there is something for it.
    package init(in memory: WorkerMemory, wakeHost: @escaping @Sendable () -> Void) {
        self.memory = memory
        self.wakeHost = wakeHost
    }

    /// Writes one report; blocks while the ring is full.
    ///
    /// - Parameter report: at most ``ReportFrame/capacity`` bytes.
    package func write(_ report: ByteBuffer) {
        let size = report.readableBytes
        precondition(size > 0 && size <= ReportFrame.capacity, "a report of \(size) bytes")
        lock.withLock {
            let written = memory.load64(at: WorkerMemory.Word.bytesWritten)
            let whole = ReportFrame.size(of: size)
            while true {
                let room = memory.load(at: WorkerMemory.Word.room)
                let read = memory.load64(at: WorkerMemory.Word.bytesRead)
                if WorkerMemory.ringSize - Int(written &- read) >= whole { break }
                notify()
                memory.wait(at: WorkerMemory.Word.room, while: room)
            }
            // A frame begins at a multiple of eight, so that its length is never cut in two.
            memory.store(
                UInt32(size),
                at: WorkerMemory.ring + Int(written % UInt64(WorkerMemory.ringSize)))
            write(report, at: written &+ 4)
            memory.store64(written &+ UInt64(whole), at: WorkerMemory.Word.bytesWritten)
        }
        notify()
    }

    private func write(_ bytes: ByteBuffer, at position: UInt64) {
        let offset = Int(position % UInt64(WorkerMemory.ringSize))
        guard offset + bytes.readableBytes > WorkerMemory.ringSize else {
            return memory.write(bytes, at: WorkerMemory.ring + offset)
        }
        var bytes = bytes
        let first = min(bytes.readableBytes, WorkerMemory.ringSize - offset)
        memory.write(bytes.readSlice(length: first)!, at: WorkerMemory.ring + offset)
        memory.write(bytes, at: WorkerMemory.ring)
    }

    private func notify() {
        if memory.load(at: WorkerMemory.Word.hostSleeps) != 0,
            memory.exchange(0, at: WorkerMemory.Word.hostSleeps) != 0
        {
            wakeHost()
        }
    }
}
