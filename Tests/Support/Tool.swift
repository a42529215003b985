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

        package init(description: String) {
            self.description = description
        }
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

    /// Runs a program, found on the PATH unless it is a path. Blocks until it has ended.
    package static func result(
        of program: String, _ arguments: [String], environment: [String: String] = [:]
    ) throws -> Result {
        try Program(program, arguments, environment: environment).waitBlocking()
    }

    /// A tool of the Swift toolchain that built the tests, beside `swift`.
    package static func swiftTool(_ name: String) -> String {
        let swift =
            (try? run("sh", ["-c", "readlink -f \"$(command -v swift)\""]))?
            .trimmingCharacters(in: .whitespacesAndNewlines) ?? "/usr/bin/swift"
        return URL(fileURLWithPath: swift).deletingLastPathComponent().appendingPathComponent(name)
            .path
    }
}
