import HostStages
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

/// Broken files, and what an operator reads about each.
@Suite struct HostFileErrorTests {
    struct Broken: Sendable, CustomTestStringConvertible {
        let yaml: String
        let error: String

        init(_ yaml: String, _ error: String) {
            self.yaml = yaml
            self.error = error
        }

        var testDescription: String { error }
    }

    /// Two backends to name.
    private static let backends = "backends: {a: {plugin: a}, b:1: {plugin: b}}\n"

    private static let keys = [
        Broken("lisen: x", "1:1: there is no key lisen; did you mean listen?"),
        Broken(
            "plugins-dir: x", "1:1: there is no key plugins-dir; did you mean plugins_dir?"),
        Broken(
            "logging: {}",
            "1:1: there is no key logging; there are: listen, plugins_dir, admin_socket, "
                + "admin_listen, admin_token_file, isolation, worker, limits, backends, endpoints, middleware"
        ),
        Broken(
            "backends:\n  echo:\n    plugin: echo\n    max_batchsize: 2",
            "4:5: backends.echo has no key max_batchsize; did you mean max_batch_size?"),
        Broken(
            "backends:\n  counter:v1: {plugin: counter, replicas: 1}",
            #"2:33: backends."counter:v1" has no key replicas; there are: plugin, num_replicas, "#
                + "autoscaling, max_batch_size, batch_wait_timeout, max_concurrent_queries, "
                + "max_queued_requests, request_timeout, lifecycle_timeout, drain_timeout, "
                + "health_check_period, health_check_failures, hang_grace, restart, user_config, middleware"
        ),
        Broken(
            backends + "endpoints:\n  counter:\n    route: /x\n    metods: [GET]",
            "5:5: endpoints.counter has no key metods; did you mean methods?"),
        Broken(
            "limits: {max_conections: 5}",
            "1:10: limits has no key max_conections; did you mean max_connections?"),
        Broken("backends: {echo: {}}", "1:18: backends.echo.plugin is missing"),
        Broken("endpoints:\n  echo:\n    route: /x", "3:5: endpoints.echo.traffic is missing"),
        Broken(
            "listen: a:1\nlimits: {}\nlisten: a:2",
            "3:1: the key listen twice: the first one is at 1:1"),
        Broken(
            "backends:\n  a: {plugin: a}\n  \"a\": {plugin: b}",
            "3:3: backends has the key a twice: the first one is at 2:3"),
        Broken("backends: {'': {plugin: a}}", "1:12: backends has an empty name"),
        Broken(
            "middleware: cors",
            "1:13: middleware is cors: it must be a list of stages, such as [cors, compression]"),
        Broken(
            "middleware: [[]]",
            #"1:14: middleware[0] is a list: it must be a stage, such as cors or {cors: {allow_origins: ["*"]}}"#
        ),
        Broken("middleware: [corz]", "1:14: there is no middleware stage corz; did you mean cors?"),
        Broken(
            "backends:\n  a:\n    plugin: a\n    middleware:\n      - corz: {}",
            "5:9: there is no middleware stage corz; did you mean cors?"),
    ]

    private static let values = [
        Broken(
            "- a",
            "1:1: the configuration is a list: it must be a mapping, such as listen: 127.0.0.1:8000"
        ),
        Broken(
            "listen:127.0.0.1:8000",
            "1:1: the configuration is listen:127.0.0.1:8000: "
                + "it must be a mapping, such as listen: 127.0.0.1:8000"),
        Broken(
            "listen: 8000",
            #"1:9: listen is 8000: it must be an address and a port, such as 127.0.0.1:8000 or "[::1]:8000""#
        ),
        Broken(
            "listen: ::1:8000",
            #"1:9: listen is ::1:8000: it must be an address and a port, such as 127.0.0.1:8000 or "[::1]:8000""#
        ),
        Broken("plugins_dir:", "1:13: plugins_dir is empty: it must be a path"),
        Broken("plugins_dir: [a]", "1:14: plugins_dir is a list: it must be a path"),
        Broken(
            "limits: {max_connections: many}",
            "1:27: limits.max_connections is many: it must be a whole number from 1 to 1000000"),
        Broken(
            "limits: {max_body_size: -1}",
            "1:25: limits.max_body_size is -1: it must be a whole number from 0 to 1099511627776"),
        Broken(
            "limits: {max_retired_generations: 1.5}",
            "1:35: limits.max_retired_generations is 1.5: "
                + "it must be a whole number from 1 to 1000000"),
        Broken(
            "limits: {idle_timeout: 60}",
            "1:24: limits.idle_timeout is 60: "
                + "it must be a duration with a unit, such as 2ms or 10s, or none"),
        Broken(
            "backends: [echo]",
            "1:11: backends is a list: it must be a mapping, such as {echo: {plugin: echo}}"),
        Broken(
            "backends: {echo: echo}",
            "1:18: backends.echo is echo: it must be a mapping, such as {plugin: echo}"),
        Broken(
            "backends: {echo: {plugin: ../echo}}",
            "1:27: backends.echo.plugin is ../echo: "
                + "it must be the name of a plugin, such as foo for libfoo.so"),
        Broken(
            "backends: {echo: {plugin: null}}",
            "1:27: backends.echo.plugin is null: "
                + "it must be the name of a plugin, such as foo for libfoo.so"),
        Broken(
            "backends:\n  echo:\n    plugin: echo\n    num_replicas: 0",
            "4:19: backends.echo.num_replicas is 0: it must be a whole number from 1 to 1024"),
        Broken(
            "backends:\n  echo:\n    plugin: echo\n    user_config:\n      - {on: on}",
            #"5:14: backends.echo.user_config[0].on is on: it must be true, or "on" in quotes"#),
        Broken(
            "backends:\n  echo:\n    autoscaling: {max_replicas: 2}\n    plugin: echo\n"
                + "    num_replicas: 2",
            "5:5: backends.echo.num_replicas and backends.echo.autoscaling exclude each other: "
                + "remove one of them"),
    ]

    private static let endpoints = [
        Broken(
            backends + "endpoints: {x: {route: x, traffic: {a: 1}}}",
            "2:24: endpoints.x.route is x: it must be a path such as /echo, or /echo/* for all below it"
        ),
        Broken(
            backends + "endpoints: {x: {route: /a*b, traffic: {a: 1}}}",
            "2:24: endpoints.x.route is /a*b: "
                + "it must be a path such as /echo, or /echo/* for all below it"),
        Broken(
            backends + "endpoints: {x: {route: /-/routes, traffic: {a: 1}}}",
            "2:24: endpoints.x.route is /-/routes: "
                + "it must be another path: what begins with /-/ is the host's own"),
        Broken(
            backends
                + "endpoints:\n  x: {route: /x, traffic: {a: 1}}\n  y: {traffic: {a: 1}, route: /x}",
            "4:31: endpoints.y.route is /x: endpoints.x has that route"),
        Broken(
            backends + "endpoints: {x: {methods: [], traffic: {a: 1}}}",
            "2:26: endpoints.x.methods is a list: it must be a list, such as [GET, POST]"),
        Broken(
            backends + "endpoints: {x: {methods: GET, traffic: {a: 1}}}",
            "2:26: endpoints.x.methods is GET: it must be a list, such as [GET, POST]"),
        Broken(
            backends + "endpoints: {x: {methods: [GET, PSOT], traffic: {a: 1}}}",
            "2:32: endpoints.x.methods[1] is PSOT: it must be one of "
                + "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS; did you mean POST?"),
        Broken(
            backends + "endpoints: {x: {methods: [GET, GET], traffic: {a: 1}}}",
            "2:32: endpoints.x.methods has GET twice"),
        Broken(
            backends + "endpoints: {x: {traffic: a}}",
            "2:26: endpoints.x.traffic is a: it must be a mapping, such as {echo: 1}"),
        Broken(
            backends + "endpoints: {x: {traffic: {}}}",
            "2:26: endpoints.x.traffic sums to 0: the weights must sum to 1"),
        Broken(
            backends + "endpoints:\n  x:\n    traffic:\n      a: 0.5\n      b:1: 0.4",
            "5:7: endpoints.x.traffic sums to 0.9: the weights must sum to 1"),
        Broken(
            backends + "endpoints: {x: {traffic: {a: 1.00000002}}}",
            "2:26: endpoints.x.traffic sums to 1.00000002: the weights must sum to 1"),
        Broken(
            backends + "endpoints: {x: {traffic: {a: 1.5, b:1: -0.5}}}",
            #"2:40: endpoints.x.traffic."b:1" is -0.5: it must be a number, 0 or more"#),
        Broken(
            backends + "endpoints: {x: {traffic: {a: all}}}",
            "2:30: endpoints.x.traffic.a is all: it must be a number, 0 or more"),
        Broken(
            backends + "endpoints: {x: {traffic: {a: 0.5, b:2: 0.5}}}",
            #"2:35: endpoints.x.traffic names a backend that is not there: "b:2"; did you mean b:1?"#
        ),
        Broken(
            backends + "endpoints: {x: {traffic: {a: 1}, shadow: {other: 0.1}}}",
            "2:43: endpoints.x.shadow names a backend that is not there: other"),
        Broken(
            "endpoints: {x: {traffic: {a: 1}}}",
            "1:27: endpoints.x.traffic names a backend that is not there: a"),
        Broken(
            backends + "endpoints: {x: {traffic: {a: 1}, shadow: {a: 1.1}}}",
            "2:46: endpoints.x.shadow.a is 1.1: it must be a number from 0 to 1"),
    ]

    private static let yaml = [
        Broken(
            "backends:\n\techo: {plugin: echo}", "2:1: no YAML: a tab can't indent: use spaces"),
        Broken(
            "backends: {echo: {plugin: echo}",
            "1:32: no YAML: while parsing a flow mapping: did not find expected ',' or '}'"),
        Broken(
            "backends:\n  a: &a {plugin: a}\n  b: *a",
            "3:6: aliases are not supported: write the value where it is needed"),
        Broken(
            "backends:\n  a: &a {plugin: a}",
            "2:6: backends.a: anchors are not supported (&a): write the value where it is needed"),
        Broken("listen: a:1\n---\nlisten: b:1", "2:1: a second document is not supported"),
    ]

    @Test("each broken file has one line that says where and what", arguments: keys + values)
    func broken(file: Broken) {
        expect(file)
    }

    @Test("so do endpoints and YAML", arguments: endpoints + yaml)
    func brokenEndpoints(file: Broken) {
        expect(file)
    }

    private func expect(_ file: Broken) {
        #expect {
            _ = try HostFile(
                yaml: file.yaml, file: "backplane.yaml", middleware: MiddlewareCatalog())
        } throws: { error in
            #expect("\(error)" == "backplane.yaml:" + file.error)
            return "\(error)" == "backplane.yaml:" + file.error
        }
    }

    @Test("a program gets the parts of an error")
    func parts() throws {
        let error = try #require(throws: ConfigurationError.self) {
            try HostFile(yaml: "backends:\n  a: {plugn: b}", file: "x.yaml")
        }
        #expect(error.code == .unknownKey)
        #expect(error.file == "x.yaml")
        #expect(error.position == .init(line: 2, column: 7))
        #expect(error.path == "backends.a.plugn")
        #expect(error.found == "plugn")
        #expect(error.nearest == "plugin")
        let other = try #require(throws: ConfigurationError.self) {
            try HostFile(yaml: "limits: {io_threads: 0}")
        }
        #expect(other.code == .wrongValue)
        #expect(other.found == "0")
        #expect(other.expected == "a whole number from 1 to 1024")
    }

    @Test("an error is one line, and no longer for long names")
    func oneLine() throws {
        for name in [String(repeating: "x", count: 5_000), #""two\nlines""#] {
            for yaml in [
                "\(name): 1", "listen: \(name)", "backends: {\(name): 1}",
                "backends: {\(name): {plugin: \(name)}}", "plugins_dir: [\(name)]",
            ] {
                let error = #expect(throws: ConfigurationError.self) { try HostFile(yaml: yaml) }
                let text = error?.description ?? ""
                #expect(!text.contains("\n") && text.count < 400, "\(text)")
            }
        }
    }
}
