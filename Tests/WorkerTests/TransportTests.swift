import CLinux
import Foundation
import HostCore
import HostTransport
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

/// The memory that host and worker share. What comes out of it is never believed.
@Suite struct TransportTests {
    private func makePair() throws -> (host: WorkerMemory, worker: WorkerMemory) {
        let host = try WorkerMemory()
        return (host, try WorkerMemory(taking: dup(host.memory.descriptor)))
    }

    @Test("the layout is that of the protocol's version: who changes it changes that")
    func layout() {
        #expect(WorkerMemory.version == 1)
        #expect(WorkerMemory.size == 4_096 + 4_096 * 16 + 64 * 65_536 + (1 << 20))
        #expect(OrderLane.capacity == 65_472)
        #expect(ReportFrame.capacity == 131_072)
    }

    @Test("memory that could be made smaller is not mapped")
    func unsealed() throws {
        let directory = try TemporaryDirectory()
        let file = open(directory.file("memory"), O_RDWR | O_CREAT, 0o600)
        #expect(file >= 0 && ftruncate(file, off_t(WorkerMemory.size)) == 0)
        #expect(throws: TransportError.self) { _ = try WorkerMemory(taking: file) }
    }

    @Test("reports arrive in order and whole, while the ring is full again and again")
    func reports() async throws {
        let (host, worker) = try makePair()
        let woken = DispatchSemaphore(value: 0)
        let writer = ReportWriter(in: worker) { woken.signal() }
        let sizes = (0..<3_000).map { 1 + $0 * 7_919 % ReportFrame.capacity }
        async let written: Void = OwnThread.run {
            for (index, size) in sizes.enumerated() {
                writer.write(ByteBuffer(repeating: UInt8(truncatingIfNeeded: index), count: size))
            }
        }
        try await OwnThread.run {
            let reader = ReportReader(in: host)
            for (index, size) in sizes.enumerated() {
                var report = try reader.next()
                while report == nil {
                    if reader.beginSleep() {
                        woken.wait()
                        reader.endSleep()
                    }
                    report = try reader.next()
                }
                let expected = ByteBuffer(repeating: UInt8(truncatingIfNeeded: index), count: size)
                if report != expected { throw TransportError("report \(index) of \(size) bytes") }
            }
        }
        try await written
    }

    @Test("whatever a worker writes, the host's end reads a report or says why not")
    func corrupt() throws {
        let seconds =
            Double(ProcessInfo.processInfo.environment["BACKPLANE_FUZZ_SECONDS"] ?? "") ?? 2
        let end = ContinuousClock.now + .seconds(seconds)
        var generator = SplitMix64(seed: UInt64.random(in: 0..<1_000_000))
        var (read, refused) = (0, 0)
        while ContinuousClock.now < end {
            let (host, worker) = try makePair()
            let writer = ReportWriter(in: worker) {}
            let reader = ReportReader(in: host)
            for _ in 0..<200 {
                writer.write(Self.report(using: &generator))
                // What the worker can write to: where the ring ends, and all of the ring.
                if Bool.random(using: &generator) { Self.corrupt(worker, using: &generator) }
                do {
                    while let bytes = try reader.next() {
                        _ = try WorkerReport(reading: bytes)
                        read += 1
                    }
                } catch {
                    refused += 1
                    break
                }
            }
        }
        #expect(read > 0 && refused > 0)
    }

    private static func report(using generator: inout SplitMix64) -> ByteBuffer {
        let call = CallNumber(slot: .random(in: 0..<4_096, using: &generator), use: 1)
        let body = ByteBuffer(repeating: 7, count: .random(in: 0...2_000, using: &generator))
        let response = CallResponse(
            body: body, contentType: "text/plain", headers: [("X-A", "1"), ("X-B", "2")])
        var report =
            switch Int.random(in: 0..<6, using: &generator) {
            case 0: WorkerReport.finished(call, response, bytesLeft: 3).packed
            case 1: WorkerReport.part(call, response).packed
            case 2: WorkerReport.failed(call, CallFailure(.internal, "no")).packed
            case 3: WorkerReport.done(lane: 3, error: nil, value: body).packed
            case 4: WorkerReport.log(level: 2, message: "line", metadata: [("a", "b")]).packed
            default: WorkerReport.more(call, body).packed
            }
        // One or two bytes of it otherwise.
        for _ in 0..<Int.random(in: 0...2, using: &generator) {
            report.setInteger(
                UInt8.random(in: 0...255, using: &generator),
                at: .random(in: 0..<report.readableBytes, using: &generator))
        }
        return report
    }

    private static func corrupt(_ memory: WorkerMemory, using generator: inout SplitMix64) {
        let descriptor = memory.memory.descriptor
        let base = mmap(
            nil, WorkerMemory.size, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)!
        defer { munmap(base, WorkerMemory.size) }
        for _ in 0..<Int.random(in: 1...8, using: &generator) {
            let isEnd = Int.random(in: 0..<4, using: &generator) == 0
            let offset =
                isEnd
                ? 64 + Int.random(in: 0..<8, using: &generator)
                : WorkerMemory.size - (1 << 20) + Int.random(in: 0..<4_000, using: &generator)
            base.storeBytes(
                of: UInt8.random(in: 0...255, using: &generator), toByteOffset: offset,
                as: UInt8.self)
        }
    }

    @Test("orders arrive as they were given, one after the other")
    func orders() async throws {
        let (host, worker) = try makePair()
        let (given, taken) = (OrderLane(3, in: host), OrderLane(3, in: worker))
        for size in [1, 100, OrderLane.capacity] {
            let order = ByteBuffer(repeating: 9, count: size)
            async let next = OwnThread.run { () -> ByteBuffer? in
                if case .here(let bytes) = taken.next() { bytes } else { nil }
            }
            given.put(order)
            given.wake()
            #expect(try await next == order)
        }
        given.put(elsewhere: 17, size: 1 << 20)
        guard case .elsewhere(17, 1_048_576) = taken.next() else {
            Issue.record("another order")
            return
        }
    }

    @Test("a stream waits for its caller, and not when nobody waits for it")
    func window() async throws {
        let (host, worker) = try makePair()
        let number = CallNumber(slot: 5, use: 3)
        let (told, seen) = (CallSlot(of: number, in: host), CallSlot(of: number, in: worker))
        told.begin()
        #expect(seen.waitForRoom(number, sent: 99, limit: 100))
        async let room = OwnThread.run { seen.waitForRoom(number, sent: 100, limit: 100) }
        told.take(1)
        #expect(try await room)
        async let over = OwnThread.run { seen.waitForRoom(number, sent: 500, limit: 100) }
        told.abandon(number)
        #expect(try await !over)
        #expect(seen.isAbandoned(number) && !seen.isAbandoned(CallNumber(slot: 5, use: 4)))
    }
}
