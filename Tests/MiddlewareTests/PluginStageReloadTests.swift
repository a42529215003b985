import Backplane
import Foundation
import HostDeployment
import NIOConcurrencyHelpers
import TestSupport
import Testing

/// A plugin's stages come and go as the plugin does, and no request notices.
@Suite struct PluginStageReloadTests {
    @Test("a request keeps its stage's generation until its answer is over; new ones get the new")
    func generations() async throws {
        try await TestHost.run(stage: "stage") { host in
            let file = host.directory.file("go")
            async let held = host.http.call("echo", headers: ["x-step": "until", "x-file": file])
            try await Eventually.true { host.log.count(containing: "waits for \(file)") > 0 }
            try await host.placeStage(version: "2")
            #expect(try await host.http.call("echo").headers["x-answer"]?.first == "2")
            #expect(host.log.count(containing: "stage 1 destroyed") == 0)
            try "".write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try await held.headers["x-answer"]?.first == "1")
            try await Eventually.true { host.log.count(containing: "stage 1 destroyed") == 1 }
            _ = try await host.wait(for: "stage") { $0.drainingGenerations.isEmpty }
            #expect(host.log.count(containing: "stage 2 destroyed") == 0)
        }
    }

    @Test("reloads under load lose no request")
    func underLoad() async throws {
        try await TestHost.run(stage: "stage") { host in
            let (http, isOver) = (host.http, NIOLockedValueBox(false))
            try await withThrowingTaskGroup(of: Int.self) { group in
                for step in ["", "later", "", "later"] {
                    group.addTask {
                        var count = 0
                        while !isOver.withLockedValue({ $0 }) {
                            let answer = try await http.call(
                                "echo", nil, "x", headers: ["x-step": step])
                            #expect(answer.status == 200 && answer.text == "x")
                            #expect(answer.headers["x-answer"] != nil)
                            count += 1
                        }
                        return count
                    }
                }
                for version in 2...5 { try await host.placeStage(version: "\(version)") }
                isOver.withLockedValue { $0 = true }
                for try await count in group { #expect(count > 0) }
            }
            for version in 1...4 {
                try await Eventually.true {
                    host.log.count(containing: "stage \(version) destroyed") == 1
                }
            }
        }
    }

    @Test("a version whose stage can't be made, or that is no middleware, leaves the old one")
    func failingReload() async throws {
        try await TestHost.run(stage: "stage", options: "{say: bad2}") { host in
            for (library, reason) in [
                (
                    try Fixture.library("stage", defines: ["VERSION=\"2\""]),
                    "as middleware of the host: create of a stage failed: bad options"
                ), (try Fixture.library("shout"), "this version is no middleware any more"),
            ] {
                try Fixture.place(library, as: "libstage.so", in: host.pluginsDirectory)
                let status = try await host.wait(for: "stage") {
                    $0.reason?.contains(reason) == true
                }
                #expect(status.version == "1" && status.state == .serving)
                #expect(try await host.http.call("echo").headers["x-answer"]?.first == "1")
            }
        }
    }

    @Test("without its library a stage answers 503 and is named, until the library is back")
    func removed() async throws {
        try await TestHost.run(stage: "stage") { host in
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/libstage.so")
            let gone = try await host.wait(for: "stage") { $0.state == .retired }
            #expect(gone.reason?.contains("as middleware of the host it is missed") == true)
            let answer = try await host.http.call("echo")
            #expect(answer.status == 503)
            #expect(answer.text.contains("middleware stage stage is not there: its library was"))
            #expect(host.log.count(containing: "stage 1 destroyed") == 1)
            try await host.placeStage(version: "2")
            #expect(try await host.http.call("echo").headers["x-answer"]?.first == "2")
        }
    }

    // MARK: The configuration

    @Test("options that the plugin refuses are refused with its reason, and nothing changes")
    func refusedOptions() async throws {
        try await TestHost.run(stage: "stage", options: "{say: good}") { host in
            let refusal = await #expect(throws: (any Error).self) {
                try await host.apply("middleware: [stage: {say: bad1}]")
            }
            #expect("\(String(describing: refusal))".contains("bad options"))
            let answer = try await host.http.call("metadata")
            #expect(answer.text.contains(#"{"say":"good"}"#))
        }
    }

    @Test("a stage goes with its place, and the same place keeps its stage")
    func places() async throws {
        try await TestHost.run(stage: "stage", options: "{n: 1}") { host in
            try await host.apply("middleware: [stage: {n: 1}, stage: {n: 2}]")
            #expect(host.log.count(containing: "made") == 2)
            try await host.apply("middleware: [stage: {n: 2}]")
            try await Eventually.true { host.log.count(containing: "destroyed") == 1 }
            #expect(host.log.count(containing: #"destroyed 0 {"n":1}"#) == 1)
        }
    }

    @Test("a plugin that is not there, or is no middleware, can't be named")
    func unknown() async throws {
        try await TestHost.run(stage: "stage") { host in
            for (name, problem) in [
                ("stag", "stage"), ("metadata", "there is no middleware stage"),
            ] {
                let refusal = await #expect(throws: (any Error).self) {
                    try await host.apply("middleware:\n  - \(name)")
                }
                let text = String(describing: refusal)
                #expect(text.contains("backplane.yaml:2:5") && text.contains(problem))
            }
        }
    }

    @Test("a configured stage comes to life with its library, at the start and later")
    func start() async throws {
        let directory = try TemporaryDirectory()
        let state = directory.file("state")
        let file = directory.file("backplane.yaml")
        try "middleware: [stage: {n: 1}]".write(
            toFile: file, atomically: true, encoding: .utf8)
        let echo = ["libecho.so": Repository.product("libecho.so")]
        let both = try echo.merging(["libstage.so": Fixture.library("stage")]) { $1 }
        try await TestHost.run(
            plugins: both,
            configure: {
                $0.stateFile = state
                $0.configurationFile = file
            }
        ) { host in
            let answer = try await host.http.call("echo")
            #expect(answer.headers["x-answer"]?.first == "1")
        }
        // Now from the state, with the library.
        try await TestHost.run(plugins: both, configure: { $0.stateFile = state }) { host in
            let answer = try await host.http.call("echo")
            #expect(answer.headers["x-answer"]?.first == "1")
        }
        // And without it.
        try await TestHost.run(plugins: echo, configure: { $0.stateFile = state }) { host in
            let answer = try await host.http.call("echo")
            #expect(answer.status == 503 && answer.text.contains("middleware stage stage"))
            try await host.placeStage(version: "2")
            #expect(try await host.http.call("echo").headers["x-answer"]?.first == "2")
        }
    }

    @Test("a library that can't be loaded is the reason in its stage's answers")
    func notLoadable() async throws {
        try await TestHost.run(
            plugins: ["libstage.so": try Fixture.library("load_fails")],
            manifests: [:],
            configure: { configuration in
                let file = "\(configuration.pluginsDirectory).yaml"
                try? "middleware: [stage]".write(toFile: file, atomically: true, encoding: .utf8)
                configuration.configurationFile = file
            }
        ) { host in
            _ = try await host.wait(for: "stage") { $0.state == .failed }
            let answer = try await host.http.send("GET", "/-/routes")
            #expect(answer.status == 503)
            #expect(answer.text.contains("licence server unreachable"))
        }
    }
}
