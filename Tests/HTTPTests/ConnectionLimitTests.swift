import Backplane
import TestSupport
import Testing

@Suite(.throttled) struct ConnectionLimitTests {
    @Test(
        "one connection more is told to come back, and served when another has left",
        arguments: [true, false])
    func oneMore(sendsFirst: Bool) async throws {
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.maxConnections, 2)
        ) { host in
            let wires = try [Wire(to: host), Wire(to: host)]
            for wire in wires {
                try await wire.send(Requests.call("echo", nil, "in"))
                #expect(try await wire.response().text == "in")
            }

            let refused = try Wire(to: host)
            if sendsFirst { try? await refused.send(Requests.call("echo", nil, "no")) }
            let answer = try await refused.response()
            #expect(answer.status == 503)
            #expect(answer["retry-after"] == "1")
            #expect(answer.problem?.status == 503)
            #expect(answer.problem?.requestID == answer["x-request-id"])
            #expect(answer.closes)
            #expect(await refused.end() == .closed)

            for wire in wires {
                try await wire.send(Requests.call("echo", nil, "still in"))
                #expect(try await wire.response().text == "still in")
            }
            wires[0].leave()
            try await Eventually.true {
                let next = try Wire(to: host)
                try? await next.send(Requests.call("echo", nil, "in now"))
                let answer = try? await next.response()
                return answer?.text == "in now"
            }
        }
    }

    @Test("a refused connection that stays open is closed by the host")
    func refusedAreClosed() async throws {
        try await TestHost.run(
            plugins: Plugins.echo, configure: TestHost.setting(\.maxConnections, 0)
        ) { host in
            var answers = 0
            for _ in 0..<100 {
                let wire = try Wire(to: host)
                // Few are told at once: one that comes before the last ones have gone is only closed.
                if let answer = try? await wire.response() {
                    #expect(answer.status == 503)
                    answers += 1
                }
                #expect(await wire.end() == .closed)
            }
            #expect(answers > 4, "as many as may stay are not all that are ever told")
        }
    }
}
