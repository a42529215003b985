import Backplane
import Logging
import NIOCore

/// A program with a host inside: it serves the plugins of a directory over HTTP, and calls them itself through handles,
/// which take the same path as HTTP calls without the HTTP.
///
///     make build && swift run embedding plugins.d
@main struct Embedding {
    static func main() async throws {
        var configuration = HostConfiguration()
        configuration.pluginsDirectory = CommandLine.arguments.dropFirst().first ?? "plugins.d"
        configuration.port = 0  // any free one
        var logger = Logger(label: "embedding")
        logger.logLevel = .warning
        let host = BackplaneHost(configuration: configuration, logger: logger)

        // Serves while the closure runs, then lets requests finish and destroys the replicas.
        try await host.run { addresses in
            print("serving \(addresses.routes.joined(separator: " "))")
            try await count(with: host.handle("counter"))
            let echo = try host.handle("echo")
            try await callManyTimesAtOnce(echo)
            try await readAsItComes(echo)
            await makeMistakes(echo)
        }
        print("done")
    }

    /// The Ray Serve FAQ's example: `handle.options(method_name="other_method").remote(5)`.
    private static func count(with counter: Handle) async throws {
        print("counter:", try await counter.remote().text())
        let added: Bool = try await counter.options(methodName: "other_method").remote(5).json()
        print("added 5:", added)
        print("counter:", try await counter.remote().text())
    }

    /// A call begins at once and is waited for when its response is needed.
    private static func callManyTimesAtOnce(_ echo: Handle) async throws {
        let upper = echo.options(methodName: "upper")
        let answers = ["one", "two", "three"].map { upper.remote($0) }
        for answer in answers { print("upper:", try await answer.text()) }
    }

    /// A response that the plugin writes in parts. A reader that is slow holds the plugin back.
    private static func readAsItComes(_ echo: Handle) async throws {
        let answer = echo.options(methodName: "lines").remote("first\nsecond\nthird")
        for try await line in try await answer.stream() {
            print("line of \(line.readableBytes) bytes")
        }
    }

    /// Errors say what HTTP says.
    private static func makeMistakes(_ echo: Handle) async {
        do {
            _ = try await echo.options(methodName: "nope").remote().response()
        } catch {
            print("error \(error.httpStatus), \(error.code): \(error.message)")
        }
    }
}
