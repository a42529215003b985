internal import Foundation
internal import GRDB
internal import HostCore

/// The file of a ``StateStore``: making it, telling it from others, and what is wrong with it. All of this blocks.
///
/// Nothing here writes to a file that is not known to be whole and the host's own. One exception is SQLite's: if a host
/// was killed amid a change, what it had begun to write is taken back when the file is opened.
enum StateFile {
    /// "Bkpl", at its place in SQLite's header, tells a state file from other programs' files.
    static let applicationID: UInt32 = 0x426B_706C

    /// Finds the file, or makes it, and sees that nobody else in this process has it.
    static func claim(_ path: String) throws(ControlError) -> StateFileClaim {
        let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        StateDraft.removeStale(of: path)
        if !FileManager.default.fileExists(atPath: path) { try create(path) }
        try checkAccess(path)
        guard let claim = StateFileClaim(path) else { throw inUse(path) }
        do throws(ControlError) {
            try checkHeader(path)
        } catch {
            claim.release()
            throw error
        }
        return claim
    }

    /// Opens the file and locks it, for as long as it is open.
    static func open(_ path: String) throws -> DatabaseQueue {
        var configuration = Configuration()
        configuration.label = "bp-state"
        configuration.prepareDatabase { db in
            // In this mode the lock of the first transaction is kept.
            try db.execute(sql: "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT")
        }
        return try DatabaseQueue(path: path, configuration: configuration)
    }

    /// Sees whether this host can read what is in the file. Looks at every page: the state is small, and it takes
    /// milliseconds.
    ///
    /// - Throws: ``ControlError`` for a newer host's file, `DatabaseError` for a damaged one.
    static func check(_ db: Database, path: String) throws {
        let applied = try StateSchema.migrator.appliedIdentifiers(db)
        guard applied.isSubset(of: StateSchema.migrator.migrations) else {
            throw unusable(
                path, "a newer version of backplane has made it",
                "use that version, or another state file")
        }
        let report = try String.fetchOne(db, sql: "PRAGMA integrity_check(1)") ?? ""
        guard report == "ok" else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: report)
        }
        // One that this host has made has its first migration.
        guard !applied.isEmpty else {
            throw DatabaseError(resultCode: .SQLITE_CORRUPT, message: "it has no tables")
        }
    }

    /// Makes SQLite sync the journal before it touches the file, and the file before the change is acknowledged.
    static func makeDurable(_ db: Database) throws {
        try db.execute(sql: "PRAGMA journal_mode = TRUNCATE")
        try db.execute(sql: "PRAGMA synchronous = FULL")
    }

    // MARK: The new file

    /// Makes the file elsewhere, and gives it its name when it is whole: a host that is killed meanwhile leaves no half
    /// of a state file, and of two hosts that start at once only one makes it.
    private static func create(_ path: String) throws(ControlError) {
        guard let draft = StateDraft.make(for: path) else {
            throw unusable(
                path, "it can't be created: \(SystemError.current)",
                "create its directory or change the permissions")
        }
        defer { draft.remove() }
        do {
            let database = try open(draft.file)
            try database.inDatabase { db in
                try db.execute(sql: "PRAGMA application_id = \(applicationID)")
            }
            try StateSchema.migrator.migrate(database)
            try database.close()
        } catch {
            throw unusable(path, error)
        }
        // The name is on the disk before the first change is: SQLite syncs the directory with its journal.
        guard unsafe link(draft.file, path) == 0 || errno == EEXIST else {
            throw unusable(
                path, "it can't be created: \(SystemError.current)",
                "choose a place on a file system with hard links")
        }
    }

    // MARK: The file that is there

    private static func checkAccess(_ path: String) throws(ControlError) {
        let type = try? FileManager.default.attributesOfItem(atPath: path)[.type]
        guard type as? FileAttributeType == .typeRegular else {
            throw unusable(path, "it is no regular file", "choose another path")
        }
        let directory = URL(fileURLWithPath: path).deletingLastPathComponent().path
        // The directory too: SQLite's journal is made in it, and would fail at the first change.
        for (place, mode) in [(path, R_OK | W_OK), (directory, W_OK | X_OK)] {
            guard unsafe faccessat(AT_FDCWD, place, mode, AT_EACCESS) == 0 else {
                throw unusable(
                    path, "\(place): \(SystemError.current)",
                    "give the host's user the right to read and write the file and its directory")
            }
        }
    }

    /// Reads the header without SQLite, which would write to a file that a killed program has left in mid-change, be it
    /// another program's.
    private static func checkHeader(_ path: String) throws(ControlError) {
        let file = FileHandle(forReadingAtPath: path)
        defer { try? file?.close() }
        let header = (try? file?.read(upToCount: 100)).map { [UInt8]($0) } ?? []
        let advice = "choose another path, or move the file away to begin without a state"
        guard !header.isEmpty else { throw unusable(path, "it is empty", advice) }
        guard header.count == 100, header.starts(with: "SQLite format 3\0".utf8) else {
            throw unusable(path, "it is no state file, or damaged", advice)
        }
        let identifier = header[68..<72].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard identifier == applicationID else {
            throw unusable(path, "it is another program's", "choose another path")
        }
    }

    // MARK: What is wrong

    static func unusable(_ path: String, _ error: any Error) -> ControlError {
        if let error = error as? ControlError, error.code == .stateUnusable { return error }
        switch (error as? DatabaseError)?.resultCode {
        case .SQLITE_BUSY, .SQLITE_LOCKED: return inUse(path)
        case .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_PERM, .SQLITE_FULL, .SQLITE_IOERR:
            return unusable(
                path, reason(error), "see to the disk and the permissions, and start again", error)
        default:
            return unusable(
                path, "it is damaged: \(reason(error))",
                "put a backup in its place, or move it away to begin without a state", error)
        }
    }

    /// One line of what SQLite, GRDB or a decoder says.
    static func reason(_ error: any Error) -> String {
        let text =
            (error as? DatabaseError).map { $0.message ?? "\($0.resultCode)" }
            ?? SystemError.reason(of: error)
        return text.split(whereSeparator: \.isNewline).joined(separator: " ")
    }

    private static func inUse(_ path: String) -> ControlError {
        unusable(
            path, "another process has it in use",
            "stop the other host, or give this one a state file of its own")
    }

    private static func unusable(
        _ path: String, _ reason: String, _ advice: String, _ cause: (any Error)? = nil
    ) -> ControlError {
        ControlError(
            .stateUnusable, "cannot use the state file \(path): \(reason); \(advice)", cause: cause)
    }
}
