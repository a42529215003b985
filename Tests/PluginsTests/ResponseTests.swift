import HostCore
import HostPlugins
import TestSupport
import Testing

/// What a plugin answers reaches the caller byte for byte, or not at all.
@Suite struct ResponseTests {
    // MARK: Bodies

    @Test("a big answer arrives as it was", arguments: ["__call__", "allocated"])
    func bigAnswer(method: String) throws {
        let call = try LoadedPlugin(fixture: "big_answer").call(method)
        let bytes = try #require(call.bytes)
        try #require(bytes.count == 10 << 20)
        let expected = [UInt8](unsafeUninitializedCapacity: bytes.count) { buffer, count in
            count = bytes.count
            for index in 0..<count {
                buffer[index] = UInt8(truncatingIfNeeded: index &* 31 &+ (index &>> 16))
            }
        }
        #expect(bytes == expected)
    }

    @Test(
        "an allocated body of any size arrives as it was written", arguments: [0, 1, 63, 100_000])
    func allocated(size: Int) throws {
        let plugin = try LoadedPlugin(fixture: "allocates")
        #expect(try plugin.call("__call__", "\(size)").bytes == pattern(size))
        #expect(try plugin.call("replaced", "\(size)").bytes == pattern(size))
        #expect(try plugin.call("half", "\(size)").bytes == pattern(size / 2))
        #expect(try plugin.call("untouched", "\(size)").bytes == [UInt8](repeating: 0, count: size))
        #expect(try plugin.call("unused", "\(size)").text == "unused")
        #expect(plugin.generation.violations.total == 0)
    }

    @Test("an allocated body whose first byte is left out arrives without it")
    func insideAllocated() throws {
        let plugin = try LoadedPlugin(fixture: "allocates")
        #expect(try plugin.call("from_inside", "1000").bytes == Array(pattern(1000).dropFirst()))
        #expect(try plugin.call("from_inside", "1").bytes == [])
    }

    @Test("an allocated body that is written as a part is copied")
    func writtenAllocated() throws {
        let plugin = try LoadedPlugin(fixture: "allocates")
        let call = try plugin.call("written", "100")
        #expect(call.partTexts.map { Array($0.utf8) } == [pattern(100)])
        #expect(call.bytes == [])
    }

    @Test(
        "a body over the host's limit is not allocated", arguments: ["1073741825", "\(UInt64.max)"])
    func overLimit(size: String) throws {
        let plugin = try LoadedPlugin(fixture: "allocates")
        #expect(try plugin.call("__call__", size).failure?.message == "NULL")
    }

    @Test("an empty request has an empty body and is answered with one")
    func emptyBody() throws {
        let call = try LoadedPlugin(Repository.product("libecho.so")).call()
        #expect(call.bytes == [])
        #expect(call.response?.contentType == "")
    }

    private func pattern(_ size: Int) -> [UInt8] {
        (0..<size).map { UInt8($0 % 251) }
    }

    // MARK: Headers

    @Test("response headers arrive in order, as they were written")
    func headers() throws {
        let call = try LoadedPlugin(fixture: "answers_badly").call()
        let headers = try #require(call.response?.headers)
        #expect(
            headers.map { "\($0.name)=\($0.value)" }
                == ["x-fruit=apple", "X-Fruit=pear\tand plum", "x-empty="])
        #expect(call.text == "body")
    }

    @Test("bytes of a response header that are not UTF-8 arrive as U+FFFD")
    func headerNotUTF8() throws {
        let call = try LoadedPlugin(fixture: "answers_badly").call("not_utf8")
        #expect(call.response?.headers.map(\.value) == ["\u{FFFD}pple"])
    }

    @Test(
        "a response that would split in two is answered INTERNAL and counted",
        arguments: [
            "crlf_in_value", "lf_in_value", "nul_in_value", "crlf_in_name", "space_in_name",
            "colon_in_name", "empty_name", "null_value",
        ])
    func badHeader(method: String) throws {
        try expectRefusal(
            of: method, "the plugin answered with a response header that is no valid HTTP header")
    }

    @Test(
        "a response that breaks the contract is answered INTERNAL, with what was wrong, and counted",
        arguments: [
            ("null_headers", "headers that are NULL"),
            ("crlf_in_content_type", "a content type that is no valid HTTP header value"),
            ("null_content_type", "a content type that is NULL or too long"),
            ("null_body", "a response body that is NULL, over 1 GiB, or more than was allocated"),
            (
                "endless_body",
                "a response body that is NULL, over 1 GiB, or more than was allocated"
            ),
            (
                "more_than_allocated",
                "a response body that is NULL, over 1 GiB, or more than was allocated"
            ),
            ("small_struct", "a response whose struct_size is 8"),
            ("null_response", "a response that is NULL"),
        ])
    func brokenContract(method: String, what: String) throws {
        try expectRefusal(of: method, "the plugin answered with \(what)")
    }

    private func expectRefusal(of method: String, _ message: String) throws {
        let plugin = try LoadedPlugin(fixture: "answers_badly")
        let call = try plugin.call(method)
        #expect(call.failure?.status == .internal)
        #expect(call.failure?.message == message)
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
        #expect(plugin.generation.violations.total == 1)
        #expect(plugin.log.count(containing: "breaks the contract") == 1)
    }

    @Test(
        "a part that breaks the contract is not sent, and the call goes on",
        arguments: ["writes_crlf", "writes_null"])
    func badPart(method: String) throws {
        let plugin = try LoadedPlugin(fixture: "answers_badly")
        let call = try plugin.call(method)
        #expect(call.text == "\(StatusCode.invalidArgument.rawValue)")
        #expect(call.parts.isEmpty)
        #expect(plugin.generation.violations.count(.invalidStruct) == 1)
    }
}
