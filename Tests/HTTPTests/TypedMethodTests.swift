import Foundation
import TestSupport
import Testing

/// Typed methods over HTTP.
@Suite(.throttled) struct TypedMethodTests {
    @Test("an ordinary C function answers a request, whichever way its arguments come")
    func counter() async throws {
        try await TestHost.run(plugins: Plugins.echo(and: "typed_counter", "typed_values")) {
            host in
            #expect(try await host.http.call("typed_counter", nil, "").text == #"{"current":1}"#)
            let form = ["Content-Type": "application/x-www-form-urlencoded"]
            #expect(
                try await host.http.call("typed_counter", "other_method", "[2]", headers: form)
                    .text == "true")
            let asked = try await host.http.send(
                "GET", "/typed_counter?inc=3", headers: ["X-SERVE-CALL-METHOD": "other_method"])
            #expect(asked.text == "true")
            let current = try await host.http.call("typed_counter", "inline", "")
            #expect(current.text == #"{"current":6}"#)
            #expect(current.headers["content-type"] == "application/json")
        }
    }

    @Test("a bad argument is 400 and named, a failing function has the status of its words")
    func failures() async throws {
        try await TestHost.run(plugins: Plugins.echo(and: "typed_counter")) { host in
            let bad = try await host.http.call("typed_counter", "other_method", #"["x"]"#)
            let problem = try JSONDecoder().decode(WireProblem.self, from: Data(bad.body))
            #expect(bad.status == 400)
            #expect(
                problem.detail == #"argument inc: expected i64, an integer, got the string "x""#)
            let failed = try await host.http.call("typed_counter", "divide", "[0]")
            #expect(failed.status == 400)
            #expect(failed.text.contains("1 can't be divided by 0"))
        }
    }
}
