import HostCore
import HostPlugins
import NIOCore
import TestSupport
import Testing

/// HTTP statuses that a plugin chooses, and failures that say more than a status.
@Suite struct ChosenStatusTests {
    private let plugin: LoadedPlugin

    init() throws {
        plugin = try LoadedPlugin(fixture: "chooses")
    }

    @Test(
        "a response has the status that the plugin chose; 0 is 200",
        arguments: [200, 203, 404, 599])
    func chosen(status: Int) throws {
        let response = try #require(try plugin.call("__call__", "\(status)").response)
        #expect(response.status == status)
        #expect(
            response.contentType == "text/x-chosen" && String(buffer: response.body) == "chosen")
        #expect(response.headers.map(\.name) == ["x-chosen"])
        #expect(try plugin.call("__call__", "0").response?.status == 200)
    }

    @Test(
        "a status that is no final one is INTERNAL, and counted",
        arguments: [-1, 1, 5, 100, 101, 199, 600, 1_000_000])
    func unusable(status: Int) throws {
        let failure = try #require(try plugin.call("__call__", "\(status)").failure)
        #expect(failure.status == .internal)
        #expect(failure.message == "the plugin answered with the HTTP status \(status)")
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
    }

    @Test(
        "a status that has no body goes without one, and with one it is INTERNAL",
        arguments: [204, 205, 304])
    func bodiless(status: Int) throws {
        #expect(try plugin.call("empty", "\(status)").response?.status == status)
        #expect(plugin.generation.violations.total == 0)
        let failure = try #require(try plugin.call("__call__", "\(status)").failure)
        #expect(
            failure.message
                == "the plugin answered with a body with the HTTP status \(status), which has none")
        // Nor can it be streamed: INVALID_ARGUMENT.
        #expect(try plugin.call("stream", "204").failure?.status == .invalidArgument)
    }

    @Test("a stream has the status of its first part")
    func stream() throws {
        let call = try plugin.call("stream", "404")
        #expect(call.parts.map(\.status) == [404])
    }

    @Test("a failure has a status, headers and details of the plugin's choice")
    func failure() throws {
        let failure = try #require(try plugin.call("fails", "422").failure)
        #expect(failure.status == .failedPrecondition && failure.httpStatus == 422)
        #expect(failure.message == "as asked")
        #expect(failure.headers.map { "\($0.name): \($0.value)" } == ["retry-after: 7"])
        #expect(failure.details?.contentType == "")
        #expect(
            failure.details.map { String(buffer: $0.bytes) }
                == " {\"field\": \"größe\", \"most\": [1e3]} ")
        #expect(try plugin.call("fails", "0").failure?.httpStatus == nil)
        let page = try #require(try plugin.call("page").failure)
        #expect(page.status == .notFound && page.details?.contentType == "text/html")
        #expect(plugin.generation.violations.total == 0)
    }

    @Test(
        "a failure that can't be used is INTERNAL, and counted",
        arguments: [
            ("fails", "200", "a failure with the HTTP status 200"),
            ("fails", "600", "a failure with the HTTP status 600"),
            (
                "bad_details", "",
                "a failure's details that have no content type and are no JSON"
            ),
            ("bad_header", "", "a failure's header that is no valid HTTP header"),
            ("small", "", "a failure whose struct_size is 16"),
        ])
    func unusableFailure(method: String, body: String, message: String) throws {
        let failure = try #require(try plugin.call(method, body).failure)
        #expect(failure.status == .internal)
        #expect(failure.message == "the plugin answered with \(message)")
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
    }
}
