import Foundation
import HostCore
import HostState
import TestSupport

/// A host's part that keeps the state, alone, for tests that kill it.
///
/// `state-writer write <path> <seed>` makes random changes while its parent lives, and prints a line when one is
/// acknowledged or refused. `state-writer hold <path>` opens the file and prints a line. `--user <id>` comes first: who
/// it is then.
@main
struct StateWriter {
    static func main() async {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "--user" {
            arguments = arguments.dropFirst()
            // Others than root can't change who they are, and need not.
            guard let user = arguments.popFirst().flatMap(UInt32.init) else { fail("no user") }
            guard geteuid() != 0 || setuid(user) == 0 else { fail("cannot be user \(user)") }
        }
        guard let command = arguments.popFirst(), let path = arguments.popFirst() else {
            fail("usage: state-writer [--user <id>] write <path> <seed> | hold <path>")
        }
        do throws(ControlError) {
            let store = try await StateStore.open(path)
            if command == "write" {
                guard let seed = arguments.popFirst().flatMap(UInt64.init) else { fail("no seed") }
                try await write(to: store, seed: seed)
                exit(0)
            }
            say("open")
            while true { pause() }
        } catch {
            fail(error.message)
        }
    }

    private static func write(to store: StateStore, seed: UInt64) async throws(ControlError) {
        var numbers = SeededNumbers(seed)
        // A test run that was cut off must not leave it behind.
        let parent = getppid()
        while getppid() == parent {
            let operation = StateOperation.random(using: &numbers)
            do throws(ControlError) {
                try await store.change { state throws(ControlError) in
                    try operation.perform(on: &state)
                }
                say("acknowledged")
            } catch {
                guard error.code != .stateNotWritten else { throw error }
                say("refused")
            }
        }
    }

    /// Not `print`: what it keeps back is lost when the process is killed.
    private static func say(_ line: String) {
        FileHandle.standardOutput.write(Data("\(line)\n".utf8))
    }

    private static func fail(_ message: String) -> Never {
        FileHandle.standardError.write(Data("\(message)\n".utf8))
        exit(1)
    }
}
