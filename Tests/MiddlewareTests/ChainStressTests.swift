import HostCore
import HostPipeline
import NIOConcurrencyHelpers
import NIOCore
import Synchronization
import TestSupport
import Testing

/// All built-in stages in random chains around streams that two threads write, with clients that leave and deadlines.
@Suite struct ChainStressTests {
    /// One of each kind, with options that let the request through.
    private static func stages(_ directory: TemporaryDirectory) -> [String] {
        [
            "access-log: {file: \(directory.file("access.log"))}",
            "auth: {bearer: {tokens: {me: a-token-of-the-test}}}", "body-limit: {max_size: 1MiB}",
            "circuit-breaker: {failures: 1000000}", "compression: {min_size: 0, level: 1}",
            "cors: {allow_origin_regex: 'https://.*'}", "headers: {response: {add: {X-A: b}}}",
            "rate-limit: {rate: 1000000/s, burst: 1000000}", "request-id", "retry: {backoff: 0}",
            "timeout: {after: 1h}", "tracing", "trusted-host: {allowed_hosts: [a.example]}",
        ]
    }

    private static let headers = [
        ("host", "a.example"), ("accept-encoding", "gzip"), ("origin", "https://b.example"),
        ("authorization", "Bearer a-token-of-the-test"),
    ]

    /// A call as dispatch makes it: the first that ends it does.
    private final class Stream: Sendable {
        static let pieces = 60
        private let sink: any ResponseSink
        private let isOver = Atomic<Bool>(false)
        private let writers = Atomic<Int>(2)

        init(_ sink: any ResponseSink) {
            self.sink = sink
        }

        /// - Parameter name: a letter.
        func write(_ name: String) {
            for number in 0..<Self.pieces where !isOver.load(ordering: .acquiring) {
                let part = CallResponse(
                    body: ByteBuffer(string: "\(name)\(number)\n"), contentType: "text/plain")
                guard sink.receive(part: part) else { break }
            }
            guard writers.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 else {
                return
            }
            end(.success(CallResponse(body: ByteBuffer(), contentType: "")))
        }

        func end(_ result: Result<CallResponse, DispatchError>) {
            guard !isOver.exchange(true, ordering: .acquiringAndReleasing) else { return }
            sink.receive(result)
        }
    }

    /// A client that may leave after some pieces.
    private final class Client: ResponseSink {
        private struct State {
            var left: Int
            var body = ByteBuffer()
            var isPacked = false
            var results: [Result<CallResponse, DispatchError>] = []
        }

        private let state: NIOLockedValueBox<State>
        let requestID = "test"

        init(leavesAfter pieces: Int) {
            state = NIOLockedValueBox(State(left: pieces))
        }

        func rename(requestID: String) {}
        func makeMetadata() -> CallMetadata { CallMetadata(origin: .http, requestID: requestID) }

        func receive(part: CallResponse) -> Bool {
            state.withLockedValue { state in
                guard state.results.isEmpty, state.left > 0 else { return false }
                state.left -= 1
                state.isPacked =
                    state.isPacked || part.headers.contains { $0.name == "content-encoding" }
                state.body.writeImmutableBuffer(part.body)
                return true
            }
        }

        func receive(_ result: Result<CallResponse, DispatchError>) {
            state.withLockedValue { state in
                state.results.append(result)
                guard case .success(let last) = result, state.left > 0 else { return }
                state.body.writeImmutableBuffer(last.body)
            }
        }

        var results: [Result<CallResponse, DispatchError>] {
            state.withLockedValue { $0.results }
        }

        /// What it has been sent, and whether that is all of it.
        var text: (text: String, isWhole: Bool)? {
            let (body, isPacked) = state.withLockedValue { ($0.body, $0.isPacked) }
            if isPacked { return Zlib.unpack(body) }
            return (String(buffer: body), true)
        }
    }

    @Test("streams through random chains are whole or broken off, and never mixed up")
    func random() async throws {
        var random = SeededGenerator(seed: 4_242)
        let directory = try TemporaryDirectory()
        for _ in 0..<60 {
            let all = Self.stages(directory).shuffled(using: &random)
            let names = all.prefix(Int.random(in: 1...all.count, using: &random))
            let trial = try StageTrial(
                names.map { "- \($0)" }.joined(separator: "\n"), backend: "model")
            for _ in 0..<4 {
                let leaves = Bool.random(using: &random)
                let client = Client(
                    leavesAfter: leaves ? Int.random(in: 0..<100, using: &random) : .max)
                let hasDeadline = Bool.random(using: &random)
                let pause = TimeAmount.microseconds(Int64.random(in: 0..<2_000, using: &random))
                let behind = NIOLockedValueBox<Stream?>(nil)
                trial.chain.run(.make("GET", with: Self.headers), for: client) { _, sink in
                    behind.withLockedValue { $0 = Stream(sink) }
                }
                let stream = try #require(behind.withLockedValue { $0.take() }, "\(names)")
                await onThreads([
                    { stream.write("a") }, { stream.write("b") },
                    {
                        guard hasDeadline else { return }
                        let end = NIODeadline.now() + pause
                        while NIODeadline.now() < end {}
                        stream.end(.failure(DispatchError(.deadlineExceeded, "too late")))
                    },
                ])
                check(client, leaves: leaves, names.joined(separator: ", "))
            }
        }
    }

    private func check(_ client: Client, leaves: Bool, _ chain: String) {
        #expect(client.results.count == 1, "\(chain)")
        guard let (text, isWhole) = client.text else {
            Issue.record("what came can't be unpacked: \(chain)")
            return
        }
        let lines = text.split(separator: "\n").map(String.init)
        let isSuccess = client.results.first.map { (try? $0.get()) != nil } ?? false
        for name in ["a", "b"] {
            let mine = lines.filter { $0.hasPrefix(name) }
            // In their order, and only at the end may some be missing.
            #expect(mine == (0..<mine.count).map { "\(name)\($0)" }, "\(chain)")
            if isSuccess, !leaves { #expect(mine.count == Stream.pieces && isWhole, "\(chain)") }
        }
    }
}
