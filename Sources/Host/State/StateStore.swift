internal import GRDB
package import HostCore
internal import NIOConcurrencyHelpers

/// The configured state, in a file of SQLite's: what has been acknowledged is there after a `kill -9` or a power cut.
///
/// One host for each file: it is locked until ``close()``, which must be called before this process opens it again.
/// Changes run one after the other on the store's own queue, never on the caller's thread.
///
/// A rollback journal and no write-ahead log: changes are rare, so that its two more fsyncs cost nothing; in exchange
/// the whole state is in one file, which can be copied, and nothing is ever left to be checkpointed.
package final class StateStore: Sendable {
    private struct Memory {
        /// As it was last written.
        var state: ControlState
        /// Whether a write failed in such a way that the file says something else.
        var hasDivergedFromDisk = false
        var connection: Connection
    }

    /// The file that is open.
    private struct Connection {
        let claim: StateFileClaim
        let database: DatabaseQueue
        /// SQLite keeps the journal open; nil: there has been no write yet.
        var journal: StateFileClaim.Identity?
    }

    package let path: String
    private let memory: NIOLockedValueBox<Memory>
    /// Held while the file is opened anew.
    private let reopening = NIOLock()

    /// Opens a state file, or makes one, readable by its owner alone, where there is none.
    ///
    /// - Throws: ``ControlError`` with the code `stateUnusable`, when the file is damaged, another program's, of a
    ///   newer host, locked by another one, or may not be read or written. Then the file is as it was.
    package static func open(_ path: String) async throws(ControlError) -> StateStore {
        try await onThread {
            Result { () throws(ControlError) in try StateStore(path) }
        }.get()
    }

    /// Blocks.
    private init(_ path: String) throws(ControlError) {
        let (connection, state) = try Self.connect(path) { try StateSchema.read($0) }
        memory = NIOLockedValueBox(Memory(state: state, connection: connection))
        self.path = path
    }

    private static func connect<Value>(
        _ path: String, _ body: (Database) throws -> Value
    ) throws(ControlError) -> (Connection, Value) {
        let claim = try StateFile.claim(path)
        do {
            let database = try StateFile.open(claim.path)
            try database.inDatabase { db in try StateFile.check(db, path: claim.path) }
            try StateSchema.migrator.migrate(database)
            let value = try database.inDatabase { db in
                try StateFile.makeDurable(db)
                return try body(db)
            }
            return (Connection(claim: claim, database: database), value)
        } catch {
            claim.release()
            throw StateFile.unusable(path, error)
        }
    }

    /// The last state that was written.
    package var state: ControlState { memory.withLockedValue { $0.state } }

    private var connection: Connection { memory.withLockedValue { $0.connection } }

    /// Makes a change and writes it. A change that has begun is finished also when the caller's task is cancelled.
    ///
    /// - Parameter operation: runs on the store's queue, after the changes before it.
    /// - Returns: the state with the change, which is on the disk, in the file that the next host will find.
    /// - Throws: what `operation` throws; ``ControlError`` with the code `stateNotWritten`. Nothing has changed then.
    @discardableResult
    package func change(
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) -> ControlState {
        if !isInPlace { try await reopen() }
        let result: Result<ControlState, ControlError> = await withCheckedContinuation { waiter in
            // GRDB's async functions would undo a change when the caller's task is cancelled.
            connection.database.asyncWriteWithoutTransaction { [self] db in
                let result = Result { () throws(ControlError) in try change(operation, in: db) }
                waiter.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// The last configurations, the newest, which is the present one, first.
    ///
    /// - Throws: ``ControlError`` when they can't be read.
    package func revisions() async throws(ControlError) -> [ConfigurationRevision] {
        try await reading { try StateHistory.revisions($0) }
    }

    /// The state of one of the last configurations.
    ///
    /// - Returns: nil when it isn't kept.
    /// - Throws: ``ControlError`` when it can't be read.
    package func state(of revision: Int) async throws(ControlError) -> ControlState? {
        try await reading { try StateHistory.state(revision, $0) }
    }

    private func reading<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(ControlError) -> Value {
        let (path, database) = (path, connection.database)
        return try await Self.onThread { () -> Result<Value, ControlError> in
            do {
                return .success(try database.inDatabase(body))
            } catch {
                return .failure(StateFile.unusable(path, error))
            }
        }.get()
    }

    /// Finishes the changes under way, closes the file and unlocks it. A change after that is refused.
    package func close() async {
        let connection = connection
        await Self.onThread {
            try? connection.database.close()
            connection.claim.release()
        }
    }

    // MARK: The file's place

    /// Whether the file that is open is the one that the next host will find, and its journal with it.
    private var isInPlace: Bool {
        let connection = connection
        guard StateFileClaim.Identity(path) == connection.claim.identity else { return false }
        return connection.journal == nil || connection.journal == journalIdentity(connection)
    }

    private func journalIdentity(_ connection: Connection) -> StateFileClaim.Identity? {
        StateFileClaim.Identity("\(connection.claim.path)-journal")
    }

    /// Somebody has taken the file away, or its journal: makes it again, with all that is in it.
    ///
    /// - Throws: ``ControlError`` with the code `stateNotWritten`: there is another file in its place, which is left
    ///   alone, or none can be made.
    private func reopen() async throws(ControlError) {
        try await Self.onThread { [self] in
            Result { () throws(ControlError) in
                reopening.lock()
                defer { reopening.unlock() }
                if !isInPlace { try reopenFile() }
            }
        }.get()
    }

    private func reopenFile() throws(ControlError) {
        let (state, old) = memory.withLockedValue { ($0.state, $0.connection) }
        let there = StateFileClaim.Identity(path)
        guard there == nil || there == old.claim.identity else {
            throw ControlError(
                .stateNotWritten,
                "the state file \(path) was replaced by another one while the host ran; nothing was changed. Restart "
                    + "the host to take that one, or put the old one back")
        }
        do {
            let connection: Connection
            if there == nil {
                (connection, _) = try Self.connect(path) { db in
                    try db.inTransaction(.immediate) {
                        try StateSchema.write(state, over: ControlState(), to: db)
                        try old.database.inDatabase { try StateHistory.copy(from: $0, to: db) }
                        return .commit
                    }
                }
                try? old.database.close()
                old.claim.release()
            } else {
                // The claim is of the file, and the file is the same.
                try? old.database.close()
                old.claim.release()
                (connection, _) = try Self.connect(path) { _ in }
            }
            memory.withLockedValue { $0.connection = connection }
        } catch {
            throw ControlError(
                .stateNotWritten,
                "the state file \(path) was removed while the host ran, and can't be made again: \(error); nothing was "
                    + "changed", cause: error)
        }
    }

    // MARK: On the store's queue

    private func change(
        _ operation: (inout ControlState) throws(ControlError) -> Void, in db: Database
    ) throws(ControlError) -> ControlState {
        let before = memory.withLockedValue { $0 }
        guard !before.hasDivergedFromDisk else {
            throw ControlError(
                .stateNotWritten,
                "the state file \(path) could not be written before, and may differ from what is served: restart the host"
            )
        }
        var next = before.state
        try operation(&next)
        guard next != before.state else { return next }
        do {
            try write(next, over: before.state, to: db)
            guard StateFileClaim.Identity(path) == before.connection.claim.identity else {
                // It went while it was written. What is in it nobody will find.
                try db.inTransaction(.immediate) {
                    try StateSchema.write(before.state, over: next, to: db)
                    return .commit
                }
                throw ControlError(
                    .stateNotWritten,
                    "the state file \(path) was removed while the change was written; nothing was changed. Try again"
                )
            }
        } catch let error as ControlError {
            throw error
        } catch {
            // A commit that failed may be in the file all the same. Later changes write only what differs from the
            // memory, so the two must agree.
            let written = try? StateSchema.read(db)
            memory.withLockedValue { $0.hasDivergedFromDisk = written != before.state }
            throw ControlError(
                .stateNotWritten,
                "cannot write the state file \(path): \(StateFile.reason(error)); nothing was changed",
                cause: error)
        }
        memory.withLockedValue { memory in
            memory.state = next
            memory.connection.journal = journalIdentity(memory.connection)
        }
        return next
    }

    private func write(_ next: ControlState, over previous: ControlState, to db: Database) throws {
        try db.inTransaction(.immediate) {
            try StateSchema.write(next, over: previous, to: db)
            try StateHistory.record(next, over: previous, in: db)
            return .commit
        }
    }

    /// Runs what blocks on a thread of its own.
    private static func onThread<Value: Sendable>(
        _ body: @escaping @Sendable () -> Value
    ) async -> Value {
        await withCheckedContinuation { waiter in
            PluginThread.start(name: "bp-state") { waiter.resume(returning: body()) }
        }
    }
}
