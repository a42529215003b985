internal import Foundation
internal import GRDB
internal import HostConfigurationFiles
internal import HostForms
internal import HostPipeline

/// How a state lies in SQLite: a row for each backend, endpoint and plugin. The rules are the state's own, in one
/// place, and not the tables' as well.
enum StateSchema {
    /// A host refuses a file with a migration that it doesn't know: only ever append.
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.create(table: "backend") { table in
                table.primaryKey("tag", .text)
                table.column("plugin", .text).notNull()
                // JSON, with the keys of a configuration file.
                table.column("options", .text).notNull()
                table.column("origin", .text).notNull()
            }
            try db.create(table: "endpoint") { table in
                table.primaryKey("name", .text)
                table.column("route", .text)
                // JSON: a list, and two mappings of tags to shares.
                table.column("methods", .text).notNull()
                table.column("traffic", .text).notNull()
                table.column("shadows", .text).notNull()
                table.column("origin", .text).notNull()
            }
            try db.create(table: "plugin") { table in
                table.primaryKey("name", .text)
            }
        }
        migrator.registerMigration("2") { db in
            // One row, or none.
            try db.create(table: "appliedFile") { table in
                table.primaryKey("digest", .text)
            }
        }
        migrator.registerMigration("3") { db in
            // The host's stages, the outermost first.
            try db.create(table: "middleware") { table in
                table.primaryKey("position", .integer)
                table.column("name", .text).notNull()
                // JSON, with the keys of a configuration file.
                table.column("options", .text).notNull()
            }
        }
        migrator.registerMigration("4") { db in
            // The last configurations, the present one among them.
            try db.create(table: "configuration") { table in
                table.primaryKey("number", .integer)
                // In seconds since 1970.
                table.column("time", .double).notNull()
                // JSON: a list of lines, and the configuration.
                table.column("changes", .text).notNull()
                table.column("content", .text).notNull()
            }
            // The defaults that operators have deleted: a plugin's backend or endpoint.
            try db.create(table: "withdrawn") { table in
                table.column("kind", .text).notNull()
                table.column("plugin", .text).notNull()
                table.primaryKey(["kind", "plugin"])
            }
        }
        return migrator
    }

    /// - Throws: also ``ControlError``, when the rows break a rule of the state.
    static func read(_ db: Database) throws -> ControlState {
        let backends = try BackendRow.fetchAll(db).map { ($0.tag, try $0.record) }
        let endpoints = try EndpointRow.fetchAll(db).map { ($0.name, $0.record) }
        let plugins = try PluginRow.fetchAll(db).map(\.name)
        var state = try ControlState(
            backends: Dictionary(backends) { $1 }, endpoints: Dictionary(endpoints) { $1 },
            plugins: Set(plugins))
        state.appliedFile = try AppliedFileRow.fetchOne(db)?.digest
        state.middleware = try MiddlewareRow.order(Column("position")).fetchAll(db)
            .map { try $0.entry }
        for row in try WithdrawnRow.fetchAll(db) {
            switch row.kind {
            case .backend: state.withdrawnBackends.insert(row.plugin)
            case .endpoint: state.withdrawnEndpoints.insert(row.plugin)
            }
        }
        return state
    }

    /// Writes the rows that differ, and no others; in order, so that the same state makes the same file.
    static func write(
        _ next: ControlState, over previous: ControlState, to db: Database
    ) throws {
        for (tag, record) in next.backends.sorted(by: { $0.key < $1.key })
        where previous.backends[tag] != record {
            try BackendRow(tag, record).insert(db, onConflict: .replace)
        }
        for tag in previous.backends.keys where next.backends[tag] == nil {
            try BackendRow.deleteOne(db, key: tag)
        }
        for (name, record) in next.endpoints.sorted(by: { $0.key < $1.key })
        where previous.endpoints[name] != record {
            try EndpointRow(name, record).insert(db, onConflict: .replace)
        }
        for name in previous.endpoints.keys where next.endpoints[name] == nil {
            try EndpointRow.deleteOne(db, key: name)
        }
        for name in next.plugins.subtracting(previous.plugins).sorted() {
            try PluginRow(name: name).insert(db)
        }
        for name in previous.plugins.subtracting(next.plugins) {
            try PluginRow.deleteOne(db, key: name)
        }
        if next.middleware != previous.middleware {
            try MiddlewareRow.deleteAll(db)
            for (position, entry) in next.middleware.enumerated() {
                try MiddlewareRow(position, entry).insert(db)
            }
        }
        try write(next.withdrawnBackends, over: previous.withdrawnBackends, .backend, to: db)
        try write(next.withdrawnEndpoints, over: previous.withdrawnEndpoints, .endpoint, to: db)
        if next.appliedFile != previous.appliedFile {
            try AppliedFileRow.deleteAll(db)
            if let digest = next.appliedFile { try AppliedFileRow(digest: digest).insert(db) }
        }
    }
}

extension StateSchema {
    private static func write(
        _ next: Set<String>, over previous: Set<String>, _ kind: WithdrawnRow.Kind, to db: Database
    ) throws {
        for name in next.subtracting(previous).sorted() {
            try WithdrawnRow(kind: kind, plugin: name).insert(db)
        }
        for name in previous.subtracting(next) {
            try WithdrawnRow(kind: kind, plugin: name).delete(db)
        }
    }
}

private struct WithdrawnRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "withdrawn"

    enum Kind: String, Codable {
        case backend, endpoint
    }

    let kind: Kind
    let plugin: String
}

private struct AppliedFileRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "appliedFile"

    let digest: String
}

private struct MiddlewareRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "middleware"

    let position: Int
    let name: String
    /// As text, for the reason that a backend's are.
    let options: String

    init(_ position: Int, _ entry: MiddlewareEntry) {
        self.position = position
        name = entry.name
        options = entry.options.text
    }

    var entry: MiddlewareEntry {
        get throws {
            MiddlewareEntry(
                name: name,
                options: try JSONValue(parsing: options.utf8))
        }
    }
}

private struct BackendRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "backend"

    let tag: String
    let plugin: String
    /// As text, because GRDB would offer the column's value to the options as what SQLite makes of it: a boolean.
    let options: String
    let origin: Origin

    init(_ tag: String, _ record: BackendRecord) {
        self.tag = tag
        plugin = record.plugin
        options = record.options.json.text
        origin = record.origin
    }

    var record: BackendRecord {
        get throws {
            BackendRecord(
                plugin: plugin,
                options: try BackendOptions(json: try JSONValue(parsing: options.utf8)),
                origin: origin)
        }
    }
}

private struct EndpointRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "endpoint"

    let name: String
    let route: String?
    let methods: [String]
    let traffic: [String: Double]
    let shadows: [String: Double]
    let origin: Origin

    init(_ name: String, _ record: EndpointRecord) {
        self.name = name
        route = record.route
        methods = record.methods
        traffic = record.traffic
        shadows = record.shadows
        origin = record.origin
    }

    var record: EndpointRecord {
        EndpointRecord(
            route: route, methods: methods, traffic: traffic, shadows: shadows, origin: origin)
    }
}

private struct PluginRow: Codable, FetchableRecord, PersistableRecord {
    static let databaseTableName = "plugin"

    let name: String
}
