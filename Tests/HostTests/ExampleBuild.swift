import Foundation
import TestSupport

/// Both example plugins in two versions, rebuilt from their sources as an operator would rebuild them.
struct ExampleBuild {
    let echo: [String]
    let counter: [String]
    private let directory: TemporaryDirectory

    /// Compiles; takes some seconds.
    init() throws {
        let directory = try TemporaryDirectory()
        self.directory = directory
        echo = try ["1.0.0", "1.1.0"].map { version in
            let library = directory.file("libecho-\(version).so")
            try Fixture.compile(
                source: Repository.path("Sources/Plugins/EchoBackend/echo.c"), to: library,
                options: ["-DECHO_VERSION=\"\(version)\""])
            return library
        }
        // The module is that of the headers' own map.
        let modules = Repository.path("Sources/PluginABI/include")
        counter = try [[], ["-D", "COUNTER_NEXT_VERSION"]].enumerated().map { index, defines in
            let library = directory.file("libcounter-\(index).so")
            try Tool.run(
                Tool.swiftTool("swiftc"),
                [
                    "-emit-library", "-parse-as-library", "-O", "-swift-version", "6",
                    "-enable-upcoming-feature", "InternalImportsByDefault",
                    "-enable-upcoming-feature", "MemberImportVisibility",
                    "-I", modules, "-module-name", "CounterBackend",
                ] + Self.sanitizer + defines + [
                    Repository.path("Sources/Plugins/CounterBackend/CounterBackend.swift"), "-o",
                    library,
                ])
            return library
        }
    }

    private static var sanitizer: [String] {
        Sanitizer.current.map { ["-sanitize=\($0.rawValue)"] } ?? []
    }
}
