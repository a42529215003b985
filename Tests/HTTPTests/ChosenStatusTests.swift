import TestSupport
import Testing

/// Statuses and failures of a plugin's choice, as HTTP clients get them.
@Suite(.throttled) struct ChosenStatusTests {
    private static func run(_ body: (TestHost, Wire) async throws -> Void) async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "chooses")) { host in
            let wire = try Wire(to: host)
            try await body(host, wire)
            // The connection is where it has to be: nothing was sent that nobody expected.
            try await wire.send(Requests.call("echo", nil, "next"))
            #expect(try await wire.response().text == "next")
        }
    }

    @Test("a response has the plugin's status, and is no problem", arguments: [201, 302, 404, 503])
    func chosen(status: Int) async throws {
        try await Self.run { _, wire in
            try await wire.send(Requests.call("chooses", nil, "\(status)"))
            let answer = try await wire.response()
            #expect(answer.status == status && answer.text == "chosen")
            #expect(answer["content-type"] == "text/x-chosen" && answer["x-chosen"] == "1")
            try await wire.send(Requests.make("HEAD", "/chooses", "\(status)"))
            let head = try await wire.response(hasBody: false)
            #expect(head.status == status && head["content-length"] == "6")
        }
    }

    @Test(
        "a status without a body is sent without one",
        arguments: [(204, String?.none), (304, nil), (205, "0")])
    func bodiless(status: Int, length: String?) async throws {
        try await Self.run { _, wire in
            try await wire.send(Requests.call("chooses", "empty", "\(status)"))
            let answer = try await wire.response(hasBody: false)
            #expect(answer.status == status)
            #expect(answer["content-length"] == length)
            #expect(answer["transfer-encoding"] == nil)
        }
    }

    @Test("a stream has the status of its first part")
    func stream() async throws {
        try await Self.run { _, wire in
            try await wire.send(Requests.call("chooses", "stream", "418"))
            let answer = try await wire.response()
            #expect(answer.status == 418 && answer.text == "first last")
            try await wire.send(Requests.call("chooses", "stream", "204"))
            #expect(try await wire.response().problem?.status == 400)
        }
    }

    @Test("details in JSON are a member of the problem, others stand in its place")
    func details() async throws {
        try await Self.run { _, wire in
            try await wire.send(Requests.call("chooses", "fails", "422"))
            let failure = try await wire.response()
            #expect(failure.status == 422 && failure["retry-after"] == "7")
            #expect(failure.problem?.status == 422 && failure.problem?.detail == "as asked")
            #expect(failure.text.contains(#""details": {"field": "größe", "most": [1e3]} }"#))
            try await wire.send(Requests.call("chooses", "page"))
            let page = try await wire.response()
            #expect(page.status == 404 && page.text == "<p>none</p>")
            #expect(page["content-type"] == "text/html" && page["x-request-id"] != nil)
            try await wire.send(Requests.call("chooses", "bad_details"))
            #expect(try await wire.response().problem?.status == 500)
        }
    }

    @Test("a plugin that passes a handle's response on passes its status, too")
    func passedOn() async throws {
        var plugins = try Plugins.echo(and: "chooses")
        plugins["libcalls.so"] = try Fixture.library("calls", defines: ["OTHER=\"chooses\""])
        try await TestHost.run(plugins: plugins) { host in
            for status in [203, 404] {
                let answer = try await host.http.call("calls", "wrap", "\(status)")
                #expect(answer.status == status && answer.text == "chosen")
                #expect(answer.headers["content-type"] == "text/x-chosen")
                #expect(answer.headers["x-chosen"] == "1")
            }
            let page = try await host.http.call("calls", "forward", "page")
            #expect(page.status == 404 && page.text == "<p>none</p>")
            #expect(page.headers["content-type"] == "text/html")
            let failure = try await host.http.call("calls", "forward", "fails")
            #expect(failure.status == 400 && failure.headers["retry-after"] == "7")
            #expect(failure.text.contains(#""most": [1e3]"#) && failure.text.contains("as asked"))
        }
    }
}
