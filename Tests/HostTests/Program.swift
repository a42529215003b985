import Foundation
import TestSupport

/// A program while it runs, with what it has printed so far. Nothing here blocks.
final class Program: @unchecked Sendable {
    // Sendable: `Process` is only asked for its state and sent signals, which it allows from any thread.
    struct Ended {
        var status: Int32
        var output: String
        var errors: String
    }

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    private let process = Process()
    private let files: TemporaryDirectory

    /// - Parameters:
    ///   - environment: changes to the tests' own; nil removes a variable.
    ///   - directory: where it is started; nil: where the tests are.
    ///   - input: what it reads from standard input.
    init(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:],
        in directory: String? = nil, input: String = ""
    ) throws {
        files = try TemporaryDirectory()
        process.executableURL = URL(
            fileURLWithPath: program.contains("/") ? program : "/usr/bin/env")
        process.arguments = program.contains("/") ? arguments : [program] + arguments
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        process.environment = variables
        if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
        // Files, not pipes: a program that prints much must not wait for a reader.
        for name in ["out", "err"] {
            _ = FileManager.default.createFile(atPath: files.file(name), contents: nil)
        }
        try Data(input.utf8).write(to: URL(fileURLWithPath: files.file("in")))
        process.standardInput = FileHandle(forReadingAtPath: files.file("in"))
        process.standardOutput = FileHandle(forWritingAtPath: files.file("out"))
        process.standardError = FileHandle(forWritingAtPath: files.file("err"))
        try process.run()
    }

    deinit {
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
    }

    var pid: Int32 { process.processIdentifier }
    var isRunning: Bool { process.isRunning }
    var output: String { text("out") }
    var errors: String { text("err") }

    func signal(_ number: Int32) {
        kill(process.processIdentifier, number)
    }

    /// - Returns: the exit status; for a program that a signal ended, 128 and the signal's number.
    func waitForExit(within timeout: Duration = .seconds(60)) async throws -> Int32 {
        try await Eventually.true(within: timeout) { !self.isRunning }
        return process.terminationReason == .uncaughtSignal
            ? 128 + process.terminationStatus : process.terminationStatus
    }

    /// Runs a program to its end.
    static func run(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:],
        in directory: String? = nil, input: String = ""
    ) async throws -> Ended {
        let program = try Program(
            program, arguments, environment: environment, in: directory, input: input)
        let status = try await program.waitForExit()
        return Ended(status: status, output: program.output, errors: program.errors)
    }

    private func text(_ file: String) -> String {
        (try? String(contentsOfFile: files.file(file), encoding: .utf8)) ?? ""
    }
}
