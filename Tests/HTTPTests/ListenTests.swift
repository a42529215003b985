import Backplane
import TestSupport
import Testing

@Suite(.throttled) struct ListenTests {
    @Test("a port that is taken is named, with the way to choose another one")
    func portTaken() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let settings = TestHost.setting(\.port, host.port)
            let error = await #expect(throws: (any Error).self) {
                try await TestHost.run(plugins: Plugins.echo, configure: settings) { _ in }
            }
            let text = error.map { "\($0)" } ?? ""
            #expect(text.contains("cannot listen on 127.0.0.1:\(host.port)"))
            #expect(text.contains("--port"))
        }
    }

    @Test("two hosts on ports of their own don't know of each other")
    func twoHosts() async throws {
        try await TestHost.run(plugins: Plugins.echo) { first in
            try await TestHost.run(plugins: [:]) { second in
                let answers = [
                    try await first.http.call("echo", nil, "x"),
                    try await second.http.call("echo", nil, "x"),
                ]
                #expect(answers.map(\.status) == [200, 404])
            }
            let answer = try await first.http.call("echo", nil, "x")
            #expect(answer.status == 200)
        }
    }
}
