import Backplane
import Foundation
import HostAdmin
import HostDeployment
import TestSupport
import Testing

/// How a manifest that adopts a library comes, changes and goes.
@Suite("The life of an adopted library", .serialized)
struct AdoptionLifeTests {
    private static let pow = """
        library: libm.so.6
        methods:
          pow: (base: f64, exponent: f64) -> f64

        """

    private static func account(_ library: String, more: String = "") -> String {
        """
        library: \(library)
        constructor: account_open(owner: string, balance: i64, out self) -> i32 check(== 0)
        destructor: account_close(self)
        methods:
          deposit: account_deposit(self, amount: i64) -> i64
          owner: account_owner(self) -> string
          count: account_count() -> i32
          version: () -> i32
        \(more)

        """
    }

    // MARK: Coming, changing, going

    @Test("a manifest is a plugin while it stands there")
    func comesAndGoes() async throws {
        try await TestHost.run { host in
            try host.writeManifest("m", Self.pow)
            let served = try await host.wait(for: "m") { $0.state == .serving }
            #expect(served.methods == ["pow"])
            #expect(served.route == "/m")
            #expect(served.path == "\(host.pluginsDirectory)/m.yaml")
            #expect(served.version == "libm.so.6")
            #expect(try await host.http.send("GET", "/-/routes").text.contains("/m"))
            #expect(try await host.http.call("m", "pow", "[2, 3]").text == "8")

            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/m.yaml")
            // It is mapped for the process, not for a generation: nothing is left to be told.
            try await host.waitUntilForgotten("m")
            #expect(try await host.http.call("m", "pow", "[2, 3]").status == 404)
        }
    }

    @Test("other functions take a new generation, other limits don't, and errors leave the old one")
    func changes() async throws {
        try await TestHost.run(manifests: ["m": Self.pow]) { host in
            let first = try await host.wait(for: "m") { $0.state == .serving }
            try host.writeManifest("m", Self.pow + "num_replicas: 3\n")
            let wider = try await host.wait(for: "m") { $0.replicas == 3 }
            #expect(wider.generation == first.generation)

            try host.writeManifest("m", Self.pow + "  sqrt: (x: f64) -> f64\n")
            let second = try await host.wait(for: "m") { $0.methods == ["pow", "sqrt"] }
            #expect(second.generation != first.generation)
            #expect(try await host.http.call("m", "sqrt", "9").text == "3")

            try host.writeManifest("m", Self.pow + "  sqrt: (x: f46) -> f64\n")
            let broken = try await host.wait(for: "m") { $0.reason != nil }
            #expect(
                broken.reason?.hasPrefix(
                    "\(host.pluginsDirectory)/m.yaml:4:13: methods.sqrt: there is no type f46")
                    == true, "\(broken.reason ?? "")")
            #expect(broken.generation == second.generation)
            #expect(try await host.http.call("m", "sqrt", "9").text == "3")

            try host.writeManifest("m", "num_replicas: 2\n")
            try await host.waitUntilForgotten("m")
        }
    }

    @Test("reload makes a new generation, and takes a manifest up that nobody saw")
    func reload() async throws {
        try await TestHost.run(
            manifests: ["m": Self.pow], configure: { $0.watchesPlugins = false }
        ) { host in
            let first = try await host.wait(for: "m") { $0.state == .serving }
            let second = try await host.admin.reload("m")
            #expect(second.generation != first.generation)
            try host.writeManifest("n", Self.pow)
            #expect(try await host.admin.reload("n").state == .serving)
        }
    }

    // MARK: Where the library is

    @Test("a soname is the process's own library, not a copy of it")
    func soname() async throws {
        try await TestHost.run(manifests: ["m": Self.pow]) { host in
            _ = try await host.wait(for: "m") { $0.state == .serving }
            // Not by its size, as ordinary files are read: it has none.
            let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/proc/self/maps"))
            let maps = String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
            let files = Set(
                maps.split(separator: "\n").compactMap { $0.split(separator: " ").last }
                    .filter { $0.hasPrefix("/") && $0.contains("libm") })
            #expect(files.count == 1, "\(files)")
            #expect(files.first?.hasSuffix("/libm.so.6") == true)
        }
    }

    @Test("a file beside the manifest is copied, and its next version taken up")
    func beside() async throws {
        try await TestHost.run(manifests: ["bank": Self.account("code.so")]) { host in
            let missing = try await host.wait(for: "bank") { $0.state == .failed }
            #expect(
                missing.reason?.contains("bank.yaml:1:10: code.so: ") == true,
                "\(missing.reason ?? "")")
            let library = try Fixture.library("unaware")
            try host.writeManifest(
                "bank",
                Self.account("code.so", more: "user_config: {owner: Ada, balance: 5}"))
            try Fixture.place(library, as: "code.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "bank") { $0.state == .serving }
            #expect(try await host.http.call("bank", "deposit", "10").text == "15")
            let other = try Fixture.library("unaware", defines: ["VERSION=2"])
            try Fixture.place(other, as: "code.so", in: host.pluginsDirectory)
            // The manifest's own change may have made a generation of the first file, too.
            try await Eventually.true {
                try await host.http.call("bank", "version").text == "2"
            }
            #expect(try await host.http.call("bank", "deposit", "10").text == "15")
            // The file is no plugin of its own.
            #expect(try await host.status(of: "code") == nil)
        }
    }

    @Test("a library file with the manifest's name is adopted, and refused without its manifest")
    func sameName() async throws {
        try await TestHost.run(plugins: ["libbank.so": Fixture.library("unaware")]) { host in
            let refused = try await host.wait(for: "bank") { $0.state == .failed }
            #expect(refused.reason?.hasPrefix("not a Backplane plugin: ") == true)
            try host.writeManifest(
                "bank",
                Self.account("libbank.so", more: "user_config: {owner: Ada, balance: 0}"))
            _ = try await host.wait(for: "bank") { $0.state == .serving }
            #expect(try await host.http.call("bank", "owner").text == "Ada")
        }
    }

    @Test("a path is a library too")
    func path() async throws {
        let manifest = Self.account(
            try Fixture.library("unaware"), more: "user_config: [Ada, 3]")
        try await TestHost.run(manifests: ["bank": manifest]) { host in
            _ = try await host.wait(for: "bank") { $0.state == .serving }
            #expect(try await host.http.call("bank", "deposit", "-3").text == "0")
        }
    }

    @Test("a plugin of the manifest's name stays, and the library's own name is refused")
    func taken() async throws {
        try await TestHost.run(manifests: ["m": Self.pow]) { host in
            _ = try await host.wait(for: "m") { $0.state == .serving }
            try Fixture.place(
                Fixture.library("shout"), as: "libm.so", in: host.pluginsDirectory)
            let refused = try await Eventually.value(within: .seconds(20)) {
                try await host.admin.list().plugins.first {
                    $0.path.hasSuffix("/libm.so") && $0.state == .failed
                }
            }
            #expect(refused.reason?.hasPrefix("the name m is taken by m.yaml") == true)
            #expect(try await host.http.call("m", "pow", "[2, 3]").text == "8")
        }
    }

    @Test("a manifest of a plugin can't name another library")
    func another() async throws {
        try await TestHost.run(
            plugins: ["libm.so": Fixture.library("shout")], manifests: ["m": Self.pow]
        ) { host in
            let refused = try await host.wait(for: "m") { $0.state == .failed }
            #expect(
                refused.reason?.hasPrefix(
                    "\(host.pluginsDirectory)/m.yaml names the library libm.so.6, and ") == true,
                "\(refused.reason ?? "")")
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/libm.so")
            try await Eventually.true {
                try await host.http.call("m", "pow", "[2, 3]").text == "8"
            }
        }
    }

    @Test(
        "what isn't in the library is named with its place, and what is near",
        arguments: [
            (
                "  poow: (f64, f64) -> f64",
                "m.yaml:3:9: libm.so.6 has no function poow; did you mean pow"
            ),
            (
                "  f: frobnicate(f64)",
                "m.yaml:3:6: libm.so.6 has no function frobnicate; `backplane inspect libm.so.6`"
            ),
            ("  pow: (f64, f64 = nothing(3)) -> f64", "m.yaml:3:"),
            (
                "  pow: (out(capacity_of(1)) bytes, f64)",
                "m.yaml:3:8: pow: the library has no function capacity_of"
            ),
        ])
    func missing(line: String, beginning: String) async throws {
        let manifest = "library: libm.so.6\nmethods:\n\(line)\n"
        try await TestHost.run(manifests: ["m": manifest]) { host in
            let status = try await host.wait(for: "m") { $0.state == .failed }
            #expect(
                status.reason?.hasPrefix("\(host.pluginsDirectory)/\(beginning)") == true,
                "\(status.reason ?? "")")
        }
    }

    // MARK: Replicas

    @Test("each replica has its own instance, and one that goes is freed")
    func replicas() async throws {
        let library = try Fixture.library("unaware")
        func manifest(_ replicas: Int, _ balance: Int) -> String {
            Self.account(
                library,
                more: "num_replicas: \(replicas)\nuser_config: {owner: Ada, balance: \(balance)}")
        }
        try await TestHost.run(manifests: ["bank": manifest(3, 0)]) { host in
            let first = try await host.wait(for: "bank") { $0.replicas == 3 }
            #expect(try await host.http.call("bank", "count").text == "3")
            try host.writeManifest("bank", manifest(1, 0))
            _ = try await host.wait(for: "bank") { $0.replicas == 1 }
            try await Eventually.true {
                try await host.http.call("bank", "count").text == "1"
            }
            // The configuration is the constructor's arguments: it takes a new instance.
            try host.writeManifest("bank", manifest(1, 100))
            try await Eventually.true {
                try await host.http.call("bank", "deposit", "0").text == "100"
            }
            let last = try await host.wait(for: "bank") { $0.state == .serving }
            #expect(last.generation == first.generation)
        }
    }

    @Test("a replica runs one function at a time, unless the manifest says otherwise")
    func reentrant() async throws {
        func manifest(_ reentrant: Bool) throws -> String {
            """
            library: \(try Fixture.library("unaware"))
            reentrant: \(reentrant)
            methods: {meet: '(wanted: i32, at_most_ms: i32) -> i32'}
            """
        }
        let manifests = ["alone": try manifest(false), "together": try manifest(true)]
        try await TestHost.run(manifests: manifests) { host in
            for (name, body, answer) in [
                ("alone", "[2, 200]", "1"), ("together", "[2, 20000]", "2"),
            ] {
                _ = try await host.wait(for: name) { $0.state == .serving }
                async let one = host.http.call(name, "meet", body).text
                async let other = host.http.call(name, "meet", body).text
                #expect(try await [one, other] == [answer, answer], "\(name)")
            }
        }
    }

    @Test(
        "calls share a batch, and an inline method needs no other thread: each call has its own answer"
    )
    func batches() async throws {
        let manifest = """
            library: libm.so.6
            max_batch_size: 16
            batch_wait_timeout: 5ms
            methods:
              hypot: (x: f64, y: f64) -> f64
              inline: {signature: 'hypot(x: f64, y: f64) -> f64', inline: true}
            """
        try await TestHost.run(manifests: ["m": manifest]) { host in
            let status = try await host.wait(for: "m") { $0.state != .loading }
            #expect(status.state == .serving, "\(status.reason ?? "")")
            for method in ["hypot", "inline"] {
                try await withThrowingTaskGroup { group in
                    for number in 1...40 {
                        group.addTask {
                            let body = number == 7 ? "[1]" : "[\(3 * number), \(4 * number)]"
                            let answer = try await host.http.call("m", method, body)
                            // One that is refused doesn't take the others with it.
                            #expect(answer.status == (number == 7 ? 400 : 200))
                            if number != 7 { #expect(answer.text == "\(5 * number)") }
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }

    @Test("structs, enums, out-parameters, errno and texts that are freed")
    func values() async throws {
        let manifest = """
            library: \(try Fixture.library("unaware"))
            types:
              Color: enum {red = 3, green, blue = -1}
              Point: {x: f64, y: f64, tint: Color}
              Division: {quotient: i32, remainder: i32}
            methods:
              divide: (dividend: i32, divisor: i32) -> Division
              mirror: (Point) -> Point
              distance: (from: *Point, to: *Point) -> f64
              name: color_name(Color) -> string
              even: (i32) -> i32 check(!= -1, errno, OUT_OF_RANGE)
              sum: (values: [f64]) -> f64
              halves: (value: f64, low: out f64, high: out f64)
              move: (at: inout Point, by: f64)
              shout: (string) -> string free(free)
              widest: (a: i8, b: u8, c: u16, d: f32, e: size) -> u64
            """
        try await TestHost.run(manifests: ["c": manifest]) { host in
            for (method, body, answer) in [
                ("divide", "[17, 5]", #"{"quotient":3,"remainder":2}"#),
                (
                    "mirror", #"[{"x": 1.5, "y": 2, "tint": "green"}]"#,
                    #"{"x":-1.5,"y":2,"tint":"green"}"#
                ),
                (
                    "distance",
                    #"[{"x": 0, "y": 0, "tint": "red"}, {"x": 3, "y": 4, "tint": "red"}]"#, "25"
                ),
                ("name", #""blue""#, "blue"), ("even", "4", "4"),
                ("sum", #"{"values": [1, 2.5]}"#, "3.5"),
                ("halves", "3", #"{"low":1.5,"high":1.5}"#),
                ("shout", #""h\u00e9""#, "hé!"),
                ("widest", "[127, 255, 65535, 1, 18446744073709485700]", "2"),
            ] {
                let result = try await host.http.call("c", method, body)
                #expect(result.text == answer, "\(method) \(body)")
                #expect(result.status == 200)
            }
            let odd = try await host.http.call("c", "even", "3")
            #expect(odd.status == 400)
            #expect(
                odd.text.contains("even() returned -1: Numerical argument out of domain"),
                "\(odd.text)")
        }
    }
}
