import Backplane
import NIOCore
import TestSupport
import Testing

/// Statuses and failures of a plugin's choice, as the callers of handles get them.
@Suite struct ChosenStatusHandleTests {
    private static func run(_ body: (Handle, TestHost) async throws -> Void) async throws {
        try await TestHost.run(plugins: ["libchooses.so": try Fixture.library("chooses")]) { host in
            try await body(host.host.handle("chooses"), host)
        }
    }

    @Test(
        "an answer has the plugin's status; from 400 on it is an error, with all that came with it")
    func status() async throws {
        try await Self.run { handle, _ in
            let answer = try await handle.remote("203").response()
            #expect(answer.httpStatus == 203 && answer.text == "chosen")
            let error = await #expect(throws: CallError.self) {
                try await handle.remote("404").response()
            }
            #expect(error?.code == .refused && error?.httpStatus == 404)
            #expect(error?.status == "NOT_FOUND" && error?.message == "chosen")
            #expect(error?.contentType == "text/x-chosen")
            #expect(error?.details.map { String(buffer: $0) } == "chosen")
            #expect(error?.headers.map(\.name) == ["x-chosen"])
        }
    }

    @Test("a stream has the status of its first part, also when it is put together")
    func stream() async throws {
        try await Self.run { handle, _ in
            let stream = handle.options(methodName: "stream")
            let parts = try await stream.remote("418").stream()
            #expect(parts.httpStatus == 418)
            var text = ""
            for try await part in parts { text += String(buffer: part) }
            #expect(text == "first last")
            let error = await #expect(throws: CallError.self) {
                try await stream.remote("418").response()
            }
            #expect(error?.httpStatus == 418 && error?.message == "first last")
            #expect(try await stream.remote("201").response().httpStatus == 201)
        }
    }

    @Test("a failure has the status, the headers and the details that the plugin gave")
    func failure() async throws {
        try await Self.run { handle, _ in
            let error = await #expect(throws: CallError.self) {
                try await handle.options(methodName: "fails").remote("422").response()
            }
            #expect(error?.code == .plugin && error?.status == "FAILED_PRECONDITION")
            #expect(error?.httpStatus == 422 && error?.message == "as asked")
            #expect(error?.headers.map(\.value) == ["7"])
            #expect(error?.contentType == "" && error?.details != nil)
        }
    }
}
