internal import Foundation
internal import GRDB
internal import HostForms

/// The last configurations, in the state file: each is written in the transaction that makes it the present one.
enum StateHistory {
    private struct Row: Codable, FetchableRecord, PersistableRecord {
        static let databaseTableName = "configuration"

        let number: Int
        let time: Double
        /// JSON: a list of texts.
        let changes: [String]
        /// JSON, as a configuration is kept.
        let content: String
    }

    /// How much of a change is told.
    private static let maxLines = 20

    /// Keeps a state if something else is configured in it, and lets go of the oldest.
    static func record(_ next: ControlState, over previous: ControlState, in db: Database) throws {
        guard next.configuration != previous.configuration else { return }
        let last = try Int.fetchOne(db, sql: "SELECT max(number) FROM configuration")
        var number = last ?? 0
        let time = Date().timeIntervalSince1970
        if last == nil {
            // Where the first change goes back to.
            number += 1
            try Row(
                number: number, time: time, changes: ["as it was at first"],
                content: previous.json.text
            ).insert(db)
        }
        var changes = previous.configuration.changes(to: next.configuration).map(\.description)
        if changes.count > maxLines {
            let rest = changes.count - maxLines
            changes = changes.prefix(maxLines) + ["and \(rest) more"]
        }
        if changes.isEmpty { changes = ["a default was deleted, or is there again"] }
        number += 1
        try Row(number: number, time: time, changes: changes, content: next.json.text).insert(db)
        try Row.filter(Column("number") < number - ConfigurationRevision.kept).deleteAll(db)
    }

    /// The newest first.
    static func revisions(_ db: Database) throws -> [ConfigurationRevision] {
        try Row.order(Column("number").desc).fetchAll(db)
            .map { ConfigurationRevision(number: $0.number, time: $0.time, changes: $0.changes) }
    }

    /// - Returns: nil when it isn't kept.
    static func state(_ number: Int, _ db: Database) throws -> ControlState? {
        guard let row = try Row.fetchOne(db, key: number) else { return nil }
        return try ControlState(json: try JSONValue(parsing: row.content.utf8))
    }

    /// Copies all of it into another file.
    static func copy(from old: Database, to new: Database) throws {
        for row in try Row.fetchAll(old) { try row.insert(new) }
    }
}
