import HostCore
import HostPipeline
import NIOCore
import Testing

@Suite struct HeadersStageTests {
    @Test(
        "a request's headers are removed, set and added, in this order",
        arguments: [
            ("remove: [cookie]", ["X-A: 1", "X-B: 2", "x-b: 3"]),
            ("remove: [x-b]", ["Cookie: c", "X-A: 1"]),
            ("set: {X-B: new}", ["Cookie: c", "X-A: 1", "X-B: new"]),
            ("set: {X-C: '3'}", ["Cookie: c", "X-A: 1", "X-B: 2", "X-C: 3", "x-b: 3"]),
            ("add: {X-A: more}", ["Cookie: c", "X-A: 1", "X-A: more", "X-B: 2", "x-b: 3"]),
            (
                "remove: [X-A], set: {X-A: one}, add: {x-a: two}",
                ["Cookie: c", "X-A: one", "X-B: 2", "x-a: two", "x-b: 3"]
            ),
        ])
    func request(options: String, expected: [String]) throws {
        let trial = try StageTrial("- headers: {request: {\(options)}}")
        let sent = [("X-A", "1"), ("Cookie", "c"), ("X-B", "2"), ("x-b", "3")]
        let answer = trial.send(.make(sent)) { request, sink in
            #expect(request.headers.all.map { "\($0.name): \($0.value)" }.sorted() == expected)
            sink.answer("")
        }
        #expect(answer.headers == [])
    }

    @Test("what the host has read from a request's headers follows them")
    func readAlready() throws {
        let trial = try StageTrial(
            """
            - headers:
                request:
                  set: {content-type: text/csv, x-serve-call-method: sum, x-serve-shard-key: k}
            """)
        trial.send(.make([])) { request, _ in
            #expect(request.contentType == "text/csv")
            #expect(request.method == "sum")
            #expect(request.shardKey == "k")
        }
    }

    @Test("a request that has none of the removed headers is not changed")
    func untouched() throws {
        let trial = try StageTrial("- headers: {request: {remove: [cookie]}}")
        trial.send(.make([("X-A", "1")])) { request, _ in #expect(!request.isHeadChanged) }
    }

    @Test("an answer's headers are changed, of errors and streams too")
    func response() throws {
        let trial = try StageTrial(
            "- headers: {response: {remove: [server], set: {X-B: new}, add: {Link: <a>}}}")
        let sent = [(name: "Server", value: "s"), (name: "x-b", value: "1"), ("Link", "<b>")]
        let expected = ["Link: <a>", "Link: <b>", "X-B: new"]
        let ends: [MiddlewareChain.End] = [
            { $1.answer("", headers: sent) },
            { $1.receive(.failure(DispatchError(.unavailable, "none", headers: sent))) },
            { _, sink in
                let part = CallResponse(
                    body: ByteBuffer(string: "a"), contentType: "", headers: sent)
                _ = sink.receive(part: part)
                sink.answer("b")
            },
        ]
        for end in ends {
            #expect(trial.send(.make([]), to: end).headers == expected)
        }
    }

    @Test("an answer's content type is one of its headers; that of an error stays")
    func contentType() throws {
        let trial = try StageTrial("- headers: {response: {set: {Content-Type: text/csv}}}")
        let answer = trial.send(.make([]))
        guard case .success(let response) = answer.results.first else {
            Issue.record("no answer")
            return
        }
        #expect(response.contentType == "text/csv")
        #expect(answer.headers == [])
        let error = trial.send(.make([])) { $1.receive(.failure(DispatchError(.cancelled, ""))) }
        #expect(error.headers == [])
    }

    @Test(
        "what the host owns, and what is no header, is an error with its place",
        arguments: [
            ("- headers: {}", "it must be a mapping with request or response"),
            ("- headers: {request: {}}", "it must be a mapping with request or response"),
            (
                "- headers: {request: {set: {Content-Length: '1'}}}",
                "1:29: [0].headers.request.set has Content-Length: the host alone decides"
            ), ("- headers: {response: {remove: [Transfer-Encoding]}}", "the host alone decides"),
            ("- headers: {response: {add: {connection: close}}}", "the host alone decides"),
            ("- headers: {response: {set: {x y: 1}}}", #""x y": no header has that name"#),
            ("- headers: {response: {set: {X-A: 1, x-a: 2}}}", "has x-a twice"),
            (#"- headers: {response: {set: {X-A: "a\r\nb: c"}}}"#, "the value of a header"),
            ("- headers: {response: {add: {Content-Type: text/csv}}}", "one Content-Type; set it"),
            (
                "- headers: {request: {add: {x-serve-call-method: a}}}",
                "x-serve-call-method; set it"
            ),
            ("- headers: {reqest: {}}", "did you mean request?"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
