internal import GRDB
internal import HostPlugins
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
        var isAstray = false
    }

    package let path: String
    private let claim: StateFileClaim
    private let database: DatabaseQueue
    private let memory: NIOLockedValueBox<Memory>

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
        claim = try StateFile.claim(path)
        do {
            let state: ControlState
            (database, state) = try Self.load(claim.path)
            memory = NIOLockedValueBox(Memory(state: state))
        } catch {
            claim.release()
            throw StateFile.unusable(path, error)
        }
        self.path = path
    }

    private static func load(_ path: String) throws -> (DatabaseQueue, ControlState) {
        let database = try StateFile.open(path)
        try database.inDatabase { db in try StateFile.check(db, path: path) }
        try StateSchema.migrator.migrate(database)
        let state = try database.inDatabase { db in
            try StateFile.makeDurable(db)
            return try StateSchema.read(db)
        }
        return (database, state)
    }

    /// The last state that was written.
    package var state: ControlState { memory.withLockedValue { $0.state } }

    /// Makes a change and writes it. A change that has begun is finished also when the caller's task is cancelled.
    ///
    /// - Parameter operation: runs on the store's queue, after the changes before it.
    /// - Returns: the state with the change, which is on the disk.
    /// - Throws: what `operation` throws; ``ControlError`` with the code `stateNotWritten`. Nothing has changed then.
    @discardableResult
    package func change(
        _ operation: @escaping @Sendable (inout ControlState) throws(ControlError) -> Void
    ) async throws(ControlError) -> ControlState {
        let result: Result<ControlState, ControlError> = await withCheckedContinuation { waiter in
            // GRDB's async functions would undo a change when the caller's task is cancelled.
            database.asyncWriteWithoutTransaction { [self] db in
                let result = Result { () throws(ControlError) in try change(operation, in: db) }
                waiter.resume(returning: result)
            }
        }
        return try result.get()
    }

    /// Finishes the changes under way, closes the file and unlocks it. A change after that is refused.
    package func close() async {
        await Self.onThread { [self] in
            try? database.close()
            claim.release()
        }
    }

    // MARK: On the store's queue

    private func change(
        _ operation: (inout ControlState) throws(ControlError) -> Void, in db: Database
    ) throws(ControlError) -> ControlState {
        let before = memory.withLockedValue { $0 }
        guard !before.isAstray else {
            throw ControlError(
                .stateNotWritten,
                "the state file \(path) could not be written before, and may differ from what is served: restart the host"
            )
        }
        var next = before.state
        try operation(&next)
        guard next != before.state else { return next }
        do {
            try db.inTransaction(.immediate) {
                try StateSchema.write(next, over: before.state, to: db)
                return .commit
            }
        } catch {
            // A commit that failed may be in the file all the same. Later changes write only what differs from the
            // memory, so the two must agree.
            let written = try? StateSchema.read(db)
            memory.withLockedValue { $0.isAstray = written != before.state }
            throw ControlError(
                .stateNotWritten,
                "cannot write the state file \(path): \(StateFile.reason(error)); nothing was changed",
                cause: error)
        }
        memory.withLockedValue { $0.state = next }
        return next
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
