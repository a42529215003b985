import Backplane
import Foundation
import Logging
import NIOCore

/// Times handle calls to the example plugin `echo` inside this process, one after the other.
///
///     handle-benchmark PLUGINS_DIRECTORY ROUNDS SECONDS
///
/// Prints a line of JSON: for each method the nanoseconds of a call, the median of the rounds, which alternate.
@main struct HandleBenchmark {
    private static let body = #"{"message":"hello, plugin","n":12345,"ok":true  }"#

    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let rounds = Int(arguments[2]),
            let seconds = Double(arguments[3])
        else {
            print("usage: handle-benchmark PLUGINS_DIRECTORY ROUNDS SECONDS")
            exit(2)
        }
        var configuration = HostConfiguration()
        configuration.pluginsDirectory = arguments[1]
        configuration.watchesPlugins = false
        configuration.port = 0
        configuration.adminSocket = "\(arguments[1])/admin.sock"
        let host = BackplaneHost(
            configuration: configuration,
            logger: Logger(label: "quiet") { _ in SwiftLogNoOpLogHandler() })
        try await host.run { _ in
            let echo = try host.handle("echo")
            let inline = echo.options(methodName: "inline")
            _ = try await nanosecondsPerCall(inline, for: 0.2)
            _ = try await nanosecondsPerCall(echo, for: 0.2)
            var results: (inline: [Double], worker: [Double]) = ([], [])
            for _ in 0..<rounds {
                results.inline.append(try await nanosecondsPerCall(inline, for: seconds))
                results.worker.append(try await nanosecondsPerCall(echo, for: seconds))
            }
            print(
                #"{"inline_ns": \#(median(results.inline)), "worker_ns": \#(median(results.worker))}"#
            )
        }
    }

    private static func nanosecondsPerCall(
        _ handle: Handle, for seconds: Double
    ) async throws -> Double {
        let argument = CallArgument.text(body)
        var calls = 0
        let start = ContinuousClock.now
        while ContinuousClock.now - start < .seconds(seconds) {
            for _ in 0..<1_000 {
                let response = try await handle.remote(argument).response()
                precondition(response.body.readableBytes == body.utf8.count)
            }
            calls += 1_000
        }
        return (ContinuousClock.now - start) / .nanoseconds(calls)
    }

    private static func median(_ values: [Double]) -> Double {
        values.sorted()[values.count / 2]
    }
}
