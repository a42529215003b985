import Foundation
import HostCore
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct AccessLogStageTests {
    /// What a stage has written, with a sink that a test looks into.
    private final class Lines: Sendable {
        private let text = NIOLockedValueBox("")

        func sink(_ lines: ByteBuffer) -> Int {
            text.withLockedValue { $0 += String(buffer: lines) }
            return 0
        }

        func wait(_ count: Int) async throws -> [String] {
            try await Eventually.value {
                let lines = self.all
                return lines.count >= count ? lines : nil
            }
        }

        var all: [String] {
            text.withLockedValue { $0 }.split(separator: "\n").map(String.init)
        }
    }

    private let lines = Lines()

    private func trial(
        _ format: AccessRecord.Format = .json, backend: String? = nil
    ) -> StageTrial {
        let writer = LogWriter(logger: StageTrial.silentLogger, sink: lines.sink)
        return StageTrial(AccessLogStage(format, backend: backend, writer))
    }

    /// The members of a JSON line that don't depend on the clock.
    private func members(_ line: String) throws -> [String: String] {
        let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
        var members = try #require(object as? [String: Any]).mapValues { "\($0)" }
        let time = members.removeValue(forKey: "time") ?? ""
        #expect(time.wholeMatch(of: /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/) != nil)
        let duration = members.removeValue(forKey: "duration_ms").flatMap { Double($0) }
        #expect(duration ?? -1 >= 0)
        return members
    }

    // MARK: Lines

    private static let record = AccessRecord(
        time: LogTime(seconds: 1_795_459_291, milliseconds: 42), origin: .http,
        remoteAddress: "127.0.0.1", httpMethod: "POST", path: "/echo", status: 200, bytes: 5,
        duration: .microseconds(1_531), requestID: "abc-1", backend: nil, referer: nil,
        userAgent: "curl/8.5", error: nil)

    private func line(
        _ format: AccessRecord.Format, _ change: (inout AccessRecord) -> Void = { _ in }
    ) -> String {
        var record = Self.record
        change(&record)
        var buffer = ByteBuffer()
        record.write(format, into: &buffer)
        return String(buffer: buffer)
    }

    @Test("a line of text is one of the combined log format, with more behind it")
    func text() {
        #expect(
            line(.text) == """
                127.0.0.1 - - [23/Nov/2026:18:41:31 +0000] "POST /echo" 200 5 "-" "curl/8.5" \
                1.531ms http abc-1 -

                """)
        let broken = line(.text) {
            $0.remoteAddress = nil
            $0.origin = .handle
            $0.bytes = nil
            $0.status = 503
            $0.backend = "my echo"
            $0.error = "the queue is full"
        }
        #expect(
            broken == """
                - - - [23/Nov/2026:18:41:31 +0000] "POST /echo" 503 - "-" "curl/8.5" \
                1.531ms handle abc-1 "my echo" "the queue is full"

                """)
    }

    @Test("a line of JSON has what is known")
    func json() {
        #expect(
            line(.json) == """
                {"time":"2026-11-23T18:41:31.042Z","origin":"http","remote_address":"127.0.0.1",\
                "method":"POST","path":"/echo","status":200,"bytes":5,"duration_ms":1.531,\
                "request_id":"abc-1","user_agent":"curl/8.5"}

                """)
    }

    @Test("whatever a client sends, it is one line, and nothing ends its field")
    func hostile() throws {
        let text = "a\"b\\c\n\u{7F}é\u{2028}\u{1B}[31m"
        let change = { (record: inout AccessRecord) in
            record.path = text
            record.userAgent = text
        }
        let escaped = #"a\x22b\x5cc\x0a\x7f\xc3\xa9\xe2\x80\xa8\x1b[31m"#
        let plain = line(.text, change)
        #expect(plain.contains("\"POST \(escaped)\" 200 5 \"-\" \"\(escaped)\" 1.531ms"))
        #expect(plain.filter(\.isNewline).count == 1)
        let json = line(.json, change)
        #expect(json.utf8.filter { $0 < 0x20 } == [0x0A])
        #expect(try members(json)["path"] == text)
    }

    @Test("a long field is cut off", arguments: AccessRecord.Format.allCases)
    func long(format: AccessRecord.Format) {
        let line = line(format) { $0.userAgent = String(repeating: "\"", count: 1 << 20) }
        #expect(line.utf8.count < 10_000)
    }

    @Test("a time is the calendar's, at any time")
    func time() {
        let calendar = ISO8601DateFormatter()
        calendar.formatOptions.insert(.withFractionalSeconds)
        var random = SeededGenerator(seed: 7)
        let edges = [
            0, 86_399, 86_400, 951_782_399, 951_782_400, 951_868_800, 1_709_164_800,
            4_107_542_400, 4_107_456_000,
        ]
        for second in edges + (0..<2_000).map({ _ in .random(in: 0..<1 << 33, using: &random) }) {
            let date = Date(timeIntervalSince1970: Double(second))
            #expect(
                LogTime(seconds: second, milliseconds: 0).iso8601 == calendar.string(from: date))
        }
        #expect(
            LogTime(seconds: 951_782_400, milliseconds: 0).common == "29/Feb/2000:00:00:00 +0000")
    }

    // MARK: Requests

    @Test("a request is logged with what the stage knows of it")
    func request() async throws {
        let headers = [("User-Agent", "curl"), ("Referer", "https://a.example/")]
        trial(backend: "echo").send(
            .make("POST", "/echo", query: "token=secret", headers, from: "10.1.2.3"))
        let lines = try await lines.wait(1)
        #expect(
            try members(lines[0]) == [
                "origin": "http", "remote_address": "10.1.2.3", "method": "POST", "path": "/echo",
                "status": "200", "bytes": "5", "request_id": "id-of-the-caller", "backend": "echo",
                "user_agent": "curl", "referer": "https://a.example/",
            ])
    }

    @Test("a handle's call has no address")
    func handle() async throws {
        trial().send(.make("POST", "/echo", origin: .handle))
        let line = try await lines.wait(1)[0]
        #expect(try members(line)["origin"] == "handle")
        #expect(try members(line)["remote_address"] == nil)
    }

    @Test(
        "an error is logged with its status and reason",
        arguments: [
            (DispatchError(.queueFull, "full"), "503"), (DispatchError(.cancelled, "gone"), "499"),
            (DispatchError(.refused(httpStatus: 429), "too many"), "429"),
        ])
    func error(error: DispatchError, status: String) async throws {
        trial().send(.make([])) { _, caller in caller.receive(.failure(error)) }
        let members = try members(try await lines.wait(1)[0])
        #expect(members["status"] == status)
        #expect(members["error"] == error.message)
        #expect(members["bytes"] == nil)
    }

    @Test("a streamed answer is logged when it ends, with all of its bytes")
    func stream() async throws {
        let kept = NIOLockedValueBox<(any ResponseSink)?>(nil)
        trial().send(.make([])) { _, caller in kept.withLockedValue { $0 = caller } }
        let caller = try #require(kept.withLockedValue { $0 })
        let part = CallResponse(body: ByteBuffer(string: "abc"), contentType: "")
        #expect(caller.receive(part: part) && caller.receive(part: part))
        #expect(lines.all == [])
        caller.answer("de")
        #expect(try members(try await lines.wait(1)[0])["bytes"] == "8")
    }

    @Test("a stream that its client leaves is logged as 499, one that breaks off as it began")
    func brokenStream() async throws {
        for (error, status) in [
            (DispatchError(.cancelled, "the caller went away"), "499"),
            (DispatchError(.plugin(.internal), "broken"), "200"),
        ] {
            let lines = Lines()
            let writer = LogWriter(logger: StageTrial.silentLogger, sink: lines.sink)
            StageTrial(AccessLogStage(.json, backend: nil, writer)).send(.make([])) { _, caller in
                let part = CallResponse(body: ByteBuffer(string: "abc"), contentType: "")
                _ = caller.receive(part: part)
                caller.receive(.failure(error))
            }
            let members = try members(try await lines.wait(1)[0])
            #expect(members["status"] == status)
            #expect(members["bytes"] == "3")
            #expect(members["error"] == error.message)
        }
    }

    @Test("a request that nobody answers is logged as 499 when it is forgotten")
    func forgotten() async throws {
        trial().send(.make([])) { _, _ in }
        #expect(try members(try await lines.wait(1)[0])["status"] == "499")
    }

    @Test("each of many requests is logged once")
    func once() async throws {
        let trial = trial()
        await withTaskGroup { group in
            for worker in 0..<4 {
                group.addTask {
                    for index in 0..<500 { trial.send(.make("GET", "/\(worker)/\(index)")) }
                }
            }
        }
        let paths = try await lines.wait(2_000).map { try members($0)["path"] ?? "" }
        #expect(paths.count == 2_000)
        #expect(Set(paths).count == 2_000)
    }

    @Test("the answer to HEAD has no body")
    func head() async throws {
        trial().send(.make("HEAD", "/echo"))
        #expect(try members(try await lines.wait(1)[0])["bytes"] == "0")
    }

    @Test("the id is the one that the request has at its end")
    func renamed() async throws {
        trial().send(.make([])) { _, caller in
            caller.rename(requestID: "renamed")
            caller.answer("")
        }
        #expect(try members(try await lines.wait(1)[0])["request_id"] == "renamed")
    }

    // MARK: Where lines go

    @Test("by default lines are the host's log")
    func hostsLog() async throws {
        let log = TestLog()
        try StageTrial("- access-log", logger: log.logger).send(.make("POST", "/a b"))
        try await Eventually.true { log.count(containing: #"info - - - ["#) == 1 }
        #expect(log.count(containing: #""POST /a b" 200 5"#) == 1)
    }

    @Test("a file is appended to, and made anew when it was moved away")
    func file() async throws {
        let directory = try TemporaryDirectory()
        let (path, moved) = (directory.file("access.log"), directory.file("access.log.1"))
        try "old\n".write(toFile: path, atomically: true, encoding: .utf8)
        let file = try LogFile(path, logger: StageTrial.silentLogger, lookEvery: .zero)
        _ = file.append(ByteBuffer(string: "one\n"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old\none\n")
        try FileManager.default.moveItem(atPath: path, toPath: moved)
        _ = file.append(ByteBuffer(string: "two\n"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "two\n")
        #expect(try String(contentsOfFile: moved, encoding: .utf8) == "old\none\n")
        // As logrotate does it that makes the new file itself.
        try FileManager.default.moveItem(atPath: path, toPath: directory.file("access.log.2"))
        try "".write(toFile: path, atomically: true, encoding: .utf8)
        _ = file.append(ByteBuffer(string: "new\n"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "new\n")
        try FileManager.default.removeItem(atPath: path)
        _ = file.append(ByteBuffer(string: "three\n"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "three\n")
    }

    @Test("a configured file has a line for each request")
    func configuredFile() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("access.log")
        let trial = try StageTrial("- access-log: {format: json, file: \(path)}")
        for index in 0..<10 { trial.send(.make("GET", "/\(index)")) }
        let lines = try await Eventually.value {
            let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
            return lines.count == 10 ? lines.map(String.init) : nil
        }
        #expect(try lines.map { try members($0)["path"] ?? "" } == (0..<10).map { "/\($0)" })
    }

    @Test("a sink that hangs costs lines, and nobody's time")
    func slow() async throws {
        let log = TestLog()
        let (gate, written) = (DispatchSemaphore(value: 0), NIOLockedValueBox(0))
        let writer = LogWriter(logger: log.logger) { lines in
            gate.wait()
            written.withLockedValue { $0 += lines.readableBytes }
            return 0
        }
        let line = ByteBuffer(repeating: UInt8(ascii: "a"), count: 1 << 20)
        for _ in 0..<20 { writer.append(line) }
        for _ in 0..<20 { gate.signal() }
        try await Eventually.true { log.count(containing: "lines of the access log are lost") > 0 }
        // What the sink hangs with, and what waits behind it, each with the line that went over the limit.
        #expect(written.withLockedValue { $0 } <= 2 * (LogWriter.capacity + 1 << 20))
    }

    @Test("at the end of a host all lines are written that can be, and the others counted")
    func end() async throws {
        let (log, gate, lines) = (TestLog(), DispatchSemaphore(value: 0), NIOLockedValueBox(0))
        let writer = LogWriter(logger: log.logger) { batch in
            gate.wait()
            lines.withLockedValue { $0 += batch.readableBytes }
            return 0
        }
        for _ in 0..<100 { writer.append(ByteBuffer(string: "\n")) }
        // Some are with the sink, which is blocked, and the rest waits.
        await writer.finish(within: .milliseconds(50))
        #expect(log.count(containing: "100 lines of the access log are lost: the host ends") == 1)
        gate.signal()
        gate.signal()
        await writer.finish(within: .seconds(20))
        #expect(lines.withLockedValue { $0 } == 100)
    }

    @Test("lines that a file doesn't take are counted, and the next ones written")
    func full() async throws {
        let log = TestLog()
        // Of which every write fails as on a full disk.
        let file = try LogFile("/dev/full", logger: log.logger)
        #expect(file.append(ByteBuffer(string: "a\nb\n")) == 2)
        let writer = LogWriter(logger: log.logger) { file.append($0) }
        for _ in 0..<3 {
            writer.append(ByteBuffer(string: "a\n"))
            await writer.finish(within: .seconds(20))
        }
        let told = log.text.filter { $0.contains("of the access log are lost") }
        #expect(told.count == 3 && log.count(containing: "No space left") == 1)
    }

    @Test("a host that ends has written the line of each request")
    func endOfHost() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("access.log")
        let plugins = ["libecho.so": Repository.product("libecho.so")]
        try await TestHost.run(plugins: plugins) { host in
            try await host.apply("middleware: [access-log: {file: \(path)}]")
            for _ in 0..<50 { #expect(try await host.http.call("echo").status == 200) }
        }
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(lines.count == 50)
    }

    @Test(
        "options that make no sense are refused",
        arguments: [
            ("- access-log: {format: xml}", "one of text, json"),
            ("- access-log: {file: /nowhere/access.log}", "can't be opened: No such file"),
            ("- access-log: {file: /tmp}", "can't be opened: Is a directory"),
            ("- access-log: {fil: a}", "did you mean file?"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
