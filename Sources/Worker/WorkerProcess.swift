internal import CLinux
internal import HostCore
internal import HostTransport
internal import NIOConcurrencyHelpers
internal import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// What the threads of the worker share: the memory, the way to the host, and the plugin.
///
/// The first thread waits for the socket: the host sends descriptors by it, and asks for threads. When the host has
/// ended, the worker does, whatever its plugin is at.
final class WorkerProcess: Sendable {
    let memory: WorkerMemory
    let reports: ReportWriter
    private let socket: CInt
    private let orders = ForeignOrders()
    let plugin: WorkerPlugin

    init(_ memory: WorkerMemory, socket: CInt, event: CInt) {
        self.memory = memory
        self.socket = socket
        let reports = ReportWriter(in: memory) {
            var one: UInt64 = 1
            _ = unsafe write(event, &one, 8)
        }
        self.reports = reports
        plugin = WorkerPlugin(reports)
    }

    /// Answers the first order with the reason why there can be no other one.
    func refuse(_ error: PluginError) -> Never {
        _ = OrderLane(0, in: memory).next()
        reports.write(WorkerReport.done(lane: 0, error: error, value: ByteBuffer()).packed)
        _exit(1)
    }

    /// Returns never.
    func run() {
        startLane(0)
        while true {
            var word: UInt64 = 0
            var descriptor: CInt = -1
            guard unsafe clinux_receive_word(socket, &word, &descriptor) == 1 else { _exit(0) }
            if descriptor >= 0 {
                orders.put(descriptor, number: word)
            } else {
                startLane(Int(word))
            }
        }
    }

    private func startLane(_ index: Int) {
        PluginThread.start(name: "lane \(index)") { [self] in
            let lane = OrderLane(index, in: memory)
            while true { carryOut(lane.next(), of: index) }
        }
    }

    private func carryOut(_ received: OrderLane.Order, of lane: Int) {
        do throws(TransportError) {
            let bytes: ByteBuffer =
                switch received {
                case .here(let bytes): bytes
                case .elsewhere(let number, let size): try orders.take(number, size: size)
                }
            let order = try WorkerOrder(reading: bytes)
            if case .calls(let method, let isBatch, let calls) = order {
                let calls = calls.map { RemoteCall($0, in: memory, plugin.endpoints, reports) }
                if isBatch || calls.count == 1 {
                    plugin.run(calls, method: method)
                } else {
                    for call in calls { plugin.runCarried(call, method: method) }
                }
                report(lane, .success(ByteBuffer()))
            } else {
                report(lane, plugin.carryOut(order))
                if case .end = order { end() }
            }
        } catch {
            // The host speaks another language, or has been overwritten by the plugin.
            Worker.end(error.message)
        }
    }

    private func report(_ lane: Int, _ result: Result<ByteBuffer, PluginError>) {
        plugin.reportMisuses()
        switch result {
        case .success(var value):
            while value.readableBytes > WorkerReport.firstPart {
                let part = value.readSlice(length: WorkerReport.firstPart)!
                reports.write(WorkerReport.value(lane: lane, part).packed)
            }
            reports.write(WorkerReport.done(lane: lane, error: nil, value: value).packed)
        case .failure(let error):
            reports.write(
                WorkerReport.done(lane: lane, error: error, value: ByteBuffer()).packed)
        }
    }

    private func end() -> Never {
        clinux_flush_streams(1_000)
        _exit(0)
    }
}

/// Orders that are too large for a lane: in memory of their own, whose descriptors come by the socket.
private final class ForeignOrders: Sendable {
    private let arrived = ConditionLock(value: 0)
    private let descriptors = NIOLockedValueBox<[UInt64: CInt]>([:])

    func put(_ descriptor: CInt, number: UInt64) {
        descriptors.withLockedValue { $0[number] = descriptor }
        arrived.lock()
        arrived.unlock(withValue: 1)
    }

    /// Waits for an order that is on its way.
    func take(_ number: UInt64, size: Int) throws(TransportError) -> ByteBuffer {
        while true {
            if let descriptor = descriptors.withLockedValue({ $0.removeValue(forKey: number) }) {
                return try SharedMemory(taking: descriptor, size: size).copy(size)
            }
            arrived.lock(whenValue: 1)
            arrived.unlock(withValue: descriptors.withLockedValue { $0.isEmpty } ? 0 : 1)
        }
    }
}
