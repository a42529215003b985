import Foundation
import NIOConcurrencyHelpers

/// A program while it runs, with what it has printed so far. Nothing here blocks, unless it says so.
///
/// Not Foundation's `Process`: that one learns of a program's end by a socket, which other programs that are started
/// at the same moment inherit, and as long as one of those runs it waits for the end of one that has long ended.
package final class Program: Sendable {
    package let pid: Int32
    private let files: TemporaryDirectory
    /// As `waitpid` reports it; nil as long as the program runs.
    private let end = NIOLockedValueBox<Int32?>(nil)

    /// - Parameters:
    ///   - program: a path, or a name to be found on the PATH.
    ///   - environment: changes to the tests' own; nil removes a variable.
    ///   - directory: where it is started; nil: where the tests are.
    ///   - input: what it reads from standard input.
    package init(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:],
        in directory: String? = nil, input: String = ""
    ) throws {
        files = try TemporaryDirectory()
        try Data(input.utf8).write(to: URL(fileURLWithPath: files.file("in")))
        var variables = ProcessInfo.processInfo.environment
        for (name, value) in environment { variables[name] = value }
        pid = try Self.spawn(
            [program] + arguments, environment: variables.map { "\($0)=\($1)" },
            directory: directory, files: files)
    }

    deinit {
        guard isRunning else { return }
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    package var output: String { text("out") }
    package var errors: String { text("err") }
    package var isRunning: Bool { update(options: WNOHANG) == nil }

    package func signal(_ number: Int32) {
        if isRunning { kill(pid, number) }
    }

    /// - Returns: the exit status; for a program that a signal ended, 128 and the signal's number.
    package func waitForExit(within timeout: Duration = .seconds(60)) async throws -> Int32 {
        try await Eventually.true(within: timeout) { !self.isRunning }
        return exitStatus
    }

    /// Runs a program to its end.
    package static func run(
        _ program: String, _ arguments: [String], environment: [String: String?] = [:],
        in directory: String? = nil, input: String = ""
    ) async throws -> Tool.Result {
        let program = try Program(
            program, arguments, environment: environment, in: directory, input: input)
        _ = try await program.waitForExit()
        return program.result
    }

    /// Blocks until the program has ended.
    func waitBlocking() -> Tool.Result {
        _ = update(options: 0)
        return result
    }

    // MARK: The end

    private var result: Tool.Result {
        Tool.Result(status: exitStatus, output: output, errors: errors)
    }

    private var exitStatus: Int32 {
        let status = update(options: WNOHANG) ?? 0
        let signal = status & 0x7F
        return signal == 0 ? status >> 8 & 0xFF : 128 + signal
    }

    private func update(options: Int32) -> Int32? {
        end.withLockedValue { end in
            var status: Int32 = 0
            if end == nil, waitpid(pid, &status, options) == pid { end = status }
            return end
        }
    }

    private func text(_ file: String) -> String {
        FileManager.default.contents(atPath: files.file(file))
            .map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    // MARK: The start

    private static func spawn(
        _ command: [String], environment: [String], directory: String?, files: TemporaryDirectory
    ) throws -> Int32 {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        // Files, not pipes: a program that prints much must not wait for a reader.
        posix_spawn_file_actions_addopen(&actions, 0, files.file("in"), O_RDONLY, 0)
        let create = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 1, files.file("out"), create, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, files.file("err"), create, 0o600)
        _ = closeFrom(&actions, 3)
        if let directory { _ = changeDirectory(&actions, directory) }

        // The tests ignore SIGPIPE; a program starts as it would from a shell.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var signals = sigset_t()
        sigfillset(&signals)
        posix_spawnattr_setsigdefault(&attributes, &signals)
        sigemptyset(&signals)
        posix_spawnattr_setsigmask(&attributes, &signals)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))

        let arguments = command.map { strdup($0) } + [nil]
        let variables = environment.map { strdup($0) } + [nil]
        defer { for pointer in arguments + variables { free(pointer) } }
        var pid: pid_t = 0
        let status = posix_spawnp(
            &pid, command[0], &actions, &attributes, arguments, variables)
        guard status == 0 else {
            throw Tool.Failure(description: "cannot start \(command[0]): error \(status)")
        }
        return pid
    }

    // Of <spawn.h>, but only for those who define _GNU_SOURCE, which Swift's Glibc doesn't.
    private typealias Actions = UnsafeMutablePointer<posix_spawn_file_actions_t>

    private static let closeFrom = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addclosefrom_np"),
        to: (@convention(c) (Actions, Int32) -> Int32).self)
    private static let changeDirectory = unsafeBitCast(
        dlsym(nil, "posix_spawn_file_actions_addchdir_np"),
        to: (@convention(c) (Actions, UnsafePointer<CChar>) -> Int32).self)
}
