import Foundation
import HostCore
import HostDispatch
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

@Suite struct HostFileTests {
    static let example = """
        listen: 127.0.0.1:8000
        plugins_dir: plugins.d
        backends:
          counter:v1: {plugin: counter, num_replicas: 1, user_config: {start: 100}}
          counter:v2: {plugin: counter, max_concurrent_queries: 8, max_queued_requests: 100}
          echo: {plugin: echo, max_batch_size: 16, batch_wait_timeout: 2ms}
        endpoints:
          counter:
            route: /counter
            methods: [GET, POST]
            traffic: {"counter:v1": 0.9, "counter:v2": 0.1}
            shadow: {"counter:v2": 0.05}
          echo: {route: /echo/*, traffic: {echo: 1}}

        """

    private func exampleFile() -> HostFile {
        var file = HostFile()
        file.listen = .init(host: "127.0.0.1", port: 8000)
        file.pluginsDirectory = "plugins.d"
        var first = HostFile.Backend(plugin: "counter")
        first.options.numReplicas = 1
        first.options.userConfig = ["start": 100]
        var second = HostFile.Backend(plugin: "counter")
        second.options.maxConcurrentQueries = 8
        second.options.maxQueuedRequests = 100
        var echo = HostFile.Backend(plugin: "echo")
        echo.options.maxBatchSize = 16
        echo.options.batchWaitTimeout = .init(.milliseconds(2))
        file.backends = ["counter:v1": first, "counter:v2": second, "echo": echo]
        var counter = HostFile.Endpoint(traffic: ["counter:v1": 0.9, "counter:v2": 0.1])
        counter.route = "/counter"
        counter.methods = ["GET", "POST"]
        counter.shadow = ["counter:v2": 0.05]
        var all = HostFile.Endpoint(traffic: ["echo": 1])
        all.route = "/echo/*"
        file.endpoints = ["counter": counter, "echo": all]
        return file
    }

    @Test("the file that the documents show says what they say")
    func exampleIsRead() throws {
        #expect(try HostFile(yaml: Self.example) == exampleFile())
    }

    @Test("the order of keys is free")
    func order() throws {
        let reversed = """
            endpoints:
              echo: {traffic: {echo: 1}, route: /echo/*}
              counter:
                shadow: {"counter:v2": 0.05}
                traffic: {"counter:v2": 0.1, counter:v1: 0.9}
                methods: [GET, POST]
                route: /counter
            backends:
              echo: {batch_wait_timeout: 2ms, max_batch_size: 16, plugin: echo}
              "counter:v2": {max_queued_requests: 100, max_concurrent_queries: 8, plugin: counter}
              counter:v1: {user_config: {start: 100}, num_replicas: 1, plugin: counter}
            plugins_dir: plugins.d
            listen: 127.0.0.1:8000
            """
        #expect(try HostFile(yaml: reversed) == exampleFile())
    }

    @Test(
        "nothing, and names with nothing below them, say nothing",
        arguments: [
            "", "# backends:\n", "backends:\nendpoints:\nlimits:\nmiddleware:\n", "middleware: []",
            "{}",
        ])
    func empty(yaml: String) throws {
        #expect(try HostFile(yaml: yaml) == HostFile())
    }

    @Test("each limit of the command line has a key, and `none` where there may be none")
    func limits() throws {
        let file = try HostFile(
            yaml: """
                admin_socket: /run/backplane.sock
                admin_listen: "[::1]:9000"
                admin_token_file: /etc/backplane/token
                limits:
                  io_threads: 2
                  request_timeout: none
                  max_queued_requests: 10
                  lifecycle_timeout: 1m
                  drain_timeout: 5s
                  max_body_size: 1024
                  max_connections: 100
                  idle_timeout: none
                  transfer_timeout: 10s
                  shutdown_timeout: 0
                  max_retired_generations: 3
                  max_buffered_bodies: 65536
                """)
        var limits = HostFile.Limits()
        limits.ioThreads = 2
        limits.requestTimeout = .init(nil)
        limits.maxQueuedRequests = 10
        limits.lifecycleTimeout = .init(.seconds(60))
        limits.drainTimeout = .init(.seconds(5))
        limits.maxBodySize = 1_024
        limits.maxBufferedBodies = 65_536
        limits.maxConnections = 100
        limits.idleTimeout = .init(nil)
        limits.transferTimeout = .init(.seconds(10))
        limits.shutdownTimeout = .init(.zero)
        limits.maxRetiredGenerations = 3
        #expect(file.limits == limits)
        #expect(file.adminListen == ListenAddress(host: "::1", port: 9_000))
        #expect(file.adminTokenFile == "/etc/backplane/token")
        #expect(file.adminSocket == "/run/backplane.sock")
    }

    @Test(
        "a tag may be any text, also what YAML takes for something else",
        arguments: ["1", "1.0", "on", "null", "~", "a b", "counter:v1", "2001-12-14", "ä"])
    func tags(tag: String) throws {
        let file = try HostFile(
            yaml: """
                backends:
                  \(tag): {plugin: echo}
                endpoints:
                  \(tag): {traffic: {\(tag): 1}}
                """)
        #expect(file.backends == [tag: .init(plugin: "echo")])
        #expect(file.endpoints == [tag: .init(traffic: [tag: 1])])
    }

    @Test(
        "an address has a host and a port",
        arguments: [
            ("localhost:0", ListenAddress(host: "localhost", port: 0)),
            ("0.0.0.0:65535", .init(host: "0.0.0.0", port: 65_535)),
            ("[::1]:8000", .init(host: "::1", port: 8_000)),
            ("[fe80::1%eth0]:80", .init(host: "fe80::1%eth0", port: 80)),
        ])
    func listen(text: String, expected: ListenAddress) throws {
        #expect(ListenAddress(text) == expected)
        #expect(expected.description == text)
        #expect(try HostFile(yaml: "listen: \"\(text)\"").listen == expected)
    }

    @Test(
        "what is no address with a port is refused",
        arguments: [
            "", "8000", "localhost", "localhost:", ":8000", "localhost:65536", "localhost:-1",
            "localhost:http", "::1:8000", "[::1]", "[::1:8000", "[]:80", "[a]:80", "a:b:80",
            "http://a:80", "a/b:80", "a b:80", "a:999999", "a:8０",
        ])
    func noListen(text: String) {
        #expect(ListenAddress(text) == nil)
    }

    @Test("weights may miss 1 by as much as Ray Serve lets them", arguments: [0, 1e-9, -1e-9])
    func tolerance(off: Double) throws {
        let file = try HostFile(
            yaml: """
                backends: {a: {plugin: a}, b: {plugin: b}}
                endpoints: {a: {traffic: {a: 0.3, b: \(0.7 + off)}}}
                """)
        #expect(file.endpoints["a"]?.traffic["b"] == 0.7 + off)
    }

    @Test("a file that is written reads back as it was", arguments: 0..<30)
    func export(seed: UInt64) throws {
        var random = RandomConfiguration(seed: seed)
        for _ in 0..<10 {
            let file = random.hostFile()
            #expect(try HostFile(yaml: file.yaml) == file, "\(file.yaml)")
            #expect(try HostFile(json: file.json) == file, "\(file.json.text)")
            // Through JSON's text: what the admin API sends.
            let json = try JSONValue(parsing: Array(file.json.text.utf8))
            #expect(try HostFile(json: json) == file)
        }
    }

    @Test("a written file has the usual order, and quotes only where they are needed")
    func exportForPeople() {
        #expect(
            exampleFile().yaml == """
                listen: "127.0.0.1:8000"
                plugins_dir: plugins.d
                backends:
                  "counter:v1":
                    plugin: counter
                    num_replicas: 1
                    user_config:
                      start: 100
                  "counter:v2":
                    plugin: counter
                    max_concurrent_queries: 8
                    max_queued_requests: 100
                  echo:
                    plugin: echo
                    max_batch_size: 16
                    batch_wait_timeout: 2ms
                endpoints:
                  counter:
                    route: /counter
                    traffic:
                      "counter:v1": 0.9
                      "counter:v2": 0.1
                    shadow:
                      "counter:v2": 0.05
                  echo:
                    route: /echo/*
                    traffic:
                      echo: 1

                """)
        #expect(HostFile().yaml == "{}\n")
    }

    @Test("a file is read from the disk, with its name in errors")
    func files() throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("backplane.yaml")
        func message() -> String {
            do {
                return "read: \(try HostFile.read(path))"
            } catch {
                return error.description
            }
        }
        #expect(message() == "\(path): can't be read: there is no such file")
        try Data(Self.example.utf8).write(to: URL(fileURLWithPath: path))
        #expect(try HostFile.read(path) == exampleFile())
        try Data("lisen: x".utf8).write(to: URL(fileURLWithPath: path))
        #expect(message() == "\(path):1:1: there is no key lisen; did you mean listen?")
    }
}
