import Foundation

/// Runs programs to their end.
package enum Tool {
    package struct Result: Sendable {
        package var status: Int32
        package var output: String
        package var errors: String
    }

    package struct Failure: Error, CustomStringConvertible {
        package var description: String
    }

    /// - Throws: ``Failure`` with what the program printed, when it does not exit with status 0.
    @discardableResult
    package static func run(_ program: String, _ arguments: [String]) throws -> String {
        let result = try result(of: program, arguments)
        guard result.status == 0 else {
            throw Failure(
                description:
                    "\(program) \(arguments.joined(separator: " ")) exited with \(result.status): "
                    + result.output + result.errors)
        }
        return result.output
    }

    /// Runs a program, found on the PATH unless it is a path, and waits for it.
    package static func result(
        of program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Result {
        let process = Process()
        process.executableURL = URL(
            fileURLWithPath: program.contains("/") ? program : "/usr/bin/env")
        process.arguments = program.contains("/") ? arguments : [program] + arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        let directory = try TemporaryDirectory()
        // Files, not pipes: a program that prints much must not wait for a reader.
        let output = try file(directory.file("out"))
        let errors = try file(directory.file("err"))
        process.standardOutput = output
        process.standardError = errors
        process.standardInput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        return Result(
            status: process.terminationStatus,
            output: try String(contentsOfFile: directory.file("out"), encoding: .utf8),
            errors: try String(contentsOfFile: directory.file("err"), encoding: .utf8))
    }

    /// A tool of the Swift toolchain that built the tests, beside `swift`.
    package static func swiftTool(_ name: String) -> String {
        let swift =
            (try? run("sh", ["-c", "readlink -f \"$(command -v swift)\""]))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "/usr/bin/swift"
        return URL(fileURLWithPath: swift).deletingLastPathComponent().appendingPathComponent(name)
            .path
    }

    private static func file(_ path: String) throws -> FileHandle {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
        return try FileHandle(forWritingTo: URL(fileURLWithPath: path))
    }
}
