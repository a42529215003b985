import Foundation
import HostCore
import TestSupport
import Testing

@Suite(.throttled) struct RequestIdentityTests {
    @Test("the caller's request id goes to the plugin, the error and its header")
    func callers() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let id = ["X-Request-ID: caller-1"]
            try await wire.send(Requests.call("echo", "headers", headers: id))
            #expect(try Metadata(try await wire.response()).requestID == "caller-1")

            for request in [
                Requests.call("echo", "nothing", headers: id),
                Requests.make("GET", "/nowhere", headers: id),
                Requests.make("DELETE", "/echo", headers: id),
            ] {
                try await wire.send(request)
                let answer = try await wire.response()
                #expect(answer["x-request-id"] == "caller-1")
                #expect(answer.problem?.requestID == "caller-1")
            }
        }
    }

    @Test(
        "an id that isn't fit for a log is replaced",
        arguments: [
            "", "with space", "tab\tinside", "caf\u{E9}", String(repeating: "x", count: 129),
        ])
    func replaced(id: String) async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            let headers = ["X-Request-ID: \(id)"]
            try await wire.send(Requests.call("echo", "headers", headers: headers))
            let seen = try Metadata(try await wire.response()).requestID
            #expect(seen != id)
            #expect(!seen.isEmpty)

            try await wire.send(Requests.call("echo", "nothing", headers: headers))
            let answer = try await wire.response()
            let made = try #require(answer.problem?.requestID)
            #expect(made != id && !made.isEmpty)
            #expect(answer["x-request-id"] == made)
        }
    }

    @Test("requests without an id get different ones")
    func unique() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            let wire = try Wire(to: host)
            var ids: Set<String> = []
            for _ in 0..<20 {
                try await wire.send(Requests.call("echo", "headers"))
                ids.insert(try Metadata(try await wire.response()).requestID)
                try await wire.send(Requests.call("echo", "nothing"))
                ids.insert(try #require(try await wire.response().problem).requestID)
            }
            #expect(ids.count == 40)
        }
    }

    @Test("the plugin and the error see the same made id")
    func sameInPluginAndError() async throws {
        let directory = try TemporaryDirectory()
        let plugins = ["libteller.so": try makeTeller(in: directory)]
        try await TestHost.run(plugins: plugins) { host in
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("teller"))
            let answer = try await wire.response()
            #expect(answer.problem?.detail == answer["x-request-id"])
            #expect(answer.problem?.requestID == answer["x-request-id"])
        }
    }

    @Test("a failure of the host's side is logged with the id, one of the caller's isn't")
    func logged() async throws {
        try await TestHost.run(plugins: try Plugins.echo(and: "statuses")) { host in
            let id = { (id: String) in ["X-Request-ID: \(id)"] }
            let wire = try Wire(to: host)
            try await wire.send(Requests.call("statuses", nil, "13", headers: id("internal-1")))
            #expect(try await wire.response().status == 500)
            try await wire.send(Requests.call("statuses", nil, "3", headers: id("argument-1")))
            #expect(try await wire.response().status == 400)

            let lines = host.log.text.filter { $0.contains("internal-1") }
            #expect(lines.count == 1)
            let line = try #require(lines.first)
            #expect(line.hasPrefix("warning as asked"))
            #expect(line.contains("status=500"))
            #expect(line.contains("path=/statuses"))
            #expect(host.log.count(containing: "argument-1") == 0)
        }
    }

    /// Compiles a plugin that fails each call with the request's id for a message.
    private func makeTeller(in directory: TemporaryDirectory) throws -> String {
        let source = """
            #include "backplane_plugin.h"

            static void tell(backplane_instance_t *self, const backplane_call_t *calls, uint32_t count) {
                (void)self;
                (void)count;
                const backplane_string_t id = calls[0].host->get_metadata(calls[0])->request_id;
                calls[0].host->fail(calls[0], BACKPLANE_STATUS_INTERNAL, id);
            }

            static const backplane_method_t methods[] = {{.name = "__call__", .invoke = tell}};

            static const backplane_plugin_t plugin = {
                BACKPLANE_PLUGIN_HEADER, .name = "teller", .version = "1.0.0", .methods = methods,
                .method_count = 1, .method_size = sizeof(backplane_method_t)};

            BACKPLANE_EXPORT const backplane_plugin_t *backplane_plugin_entry(void) {
                return &plugin;
            }
            """
        try source.write(toFile: directory.file("teller.c"), atomically: true, encoding: .utf8)
        try Fixture.compile(source: directory.file("teller.c"), to: directory.file("teller.so"))
        return directory.file("teller.so")
    }
}
