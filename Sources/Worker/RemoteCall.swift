internal import HostCore
internal import HostTransport
internal import NIOConcurrencyHelpers
internal import NIOCore

/// A call whose caller is in the host.
final class RemoteCall: PluginCall {
    /// What may be on its way to the caller of a stream: more than that waits for who reads it.
    private static let window: UInt64 = 64 << 10

    private let ordered: WorkerOrder.OrderedCall
    private let slot: CallSlot
    private let endpoints: RemoteEndpoints
    private let reports: ReportWriter
    /// What the host was asked for.
    private let metadata = NIOLockedValueBox<CallMetadata?>(nil)
    /// Of the stream, in bytes. Held while a part is sent, so that those of several threads come one after the other.
    private let sent = NIOLockedValueBox<UInt64>(0)

    init(
        _ ordered: WorkerOrder.OrderedCall, in memory: WorkerMemory, _ endpoints: RemoteEndpoints,
        _ reports: ReportWriter
    ) {
        self.ordered = ordered
        self.endpoints = endpoints
        slot = CallSlot(of: ordered.number, in: memory)
        self.reports = reports
    }

    var number: CallNumber { ordered.number }
    var argument: ByteBuffer { ordered.argument }
    var contentType: String { ordered.contentType }
    var deadline: NIODeadline? {
        ordered.deadline == 0 ? nil : .uptimeNanoseconds(ordered.deadline)
    }
    var isAbandoned: Bool { slot.isAbandoned(ordered.number) }
    var requestID: String { makeMetadata().requestID }
    /// What is native stays in its process.
    var native: NativeObject? { nil }

    func makeMetadata() -> CallMetadata {
        if let metadata = metadata.withLockedValue({ $0 }) ?? ordered.metadata { return metadata }
        let asked =
            endpoints.metadata(of: ordered.number) ?? CallMetadata(origin: .handle, requestID: "-")
        metadata.withLockedValue { $0 = asked }
        return asked
    }

    func send(_ part: CallResponse) -> Bool {
        sent.withLockedValue { sent in
            guard part.hasShortHead else { return false }
            var part = part
            var body = part.body
            repeat {
                guard slot.waitForRoom(ordered.number, sent: sent, limit: Self.window) else {
                    return false
                }
                part.body = body.readSlice(
                    length: min(body.readableBytes, WorkerReport.firstPart))!
                reports.write(WorkerReport.part(ordered.number, part).packed)
                sent += UInt64(part.body.readableBytes)
            } while body.readableBytes > 0
            return true
        }
    }

    func finish(_ result: Result<CallResponse, CallFailure>) {
        switch result {
        case .success(let response) where !response.hasShortHead:
            let failure = CallFailure(
                .internal,
                "the plugin's response has headers of over 32 KiB, which don't leave its process")
            reports.write(WorkerReport.failed(ordered.number, failure).packed)
        case .success(var response):
            var rest = response.body
            response.body = rest.readSlice(
                length: min(rest.readableBytes, WorkerReport.firstPart))!
            let report = WorkerReport.finished(
                ordered.number, response, bytesLeft: rest.readableBytes
            ).packed
            reports.write(report)
            while rest.readableBytes > 0 {
                let part = rest.readSlice(
                    length: min(rest.readableBytes, WorkerReport.firstPart))!
                reports.write(WorkerReport.more(ordered.number, part).packed)
            }
        case .failure(let failure):
            reports.write(WorkerReport.failed(ordered.number, failure.bounded).packed)
        }
    }
}

extension CallFailure {
    /// One that fits into a report: what is too large is left out.
    fileprivate var bounded: CallFailure {
        var failure = self
        let most = WorkerReport.firstPart / 2
        if failure.message.utf8.count > most {
            failure.message = "\(failure.message.prefix(4_096))…"
        }
        if let details, details.bytes.readableBytes + failure.message.utf8.count > most {
            failure.details = nil
        }
        if WorkerReport.size(of: failure.headers) > WorkerReport.largestHead {
            failure.headers = []
        }
        return failure
    }
}

extension CallResponse {
    /// Whether it can leave this process.
    fileprivate var hasShortHead: Bool {
        WorkerReport.size(of: headers) + WorkerReport.size(of: trailers) + contentType.utf8.count
            <= WorkerReport.largestHead
    }
}
