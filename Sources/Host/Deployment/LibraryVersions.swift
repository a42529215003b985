internal import Foundation
internal import HostCore
internal import NIOConcurrencyHelpers

/// Copies of the last versions of each library, in a directory that outlives the host, and which of them an operator
/// has gone back to. All functions block on the disk. Any thread.
///
/// A version is told by its content: the same library copied in again is no new one. Of each plugin there are
/// ``kept`` at most, beside the one that serves, each with the size of the library.
package final class LibraryVersions: Sendable {
    /// How many are kept beside the one that is in the plugins directory.
    package static let kept = 3

    /// A version of a plugin's library, as `backplane rollback --plugin NAME --list` shows it.
    ///
    /// The JSON form is part of the admin API: members are added, never renamed.
    package struct Version: Codable, Sendable, Equatable {
        /// Grows by one with each content that is new.
        package var number: Int
        /// What the library says of itself.
        package var version: String
        /// When it was first in service, in seconds since 1970.
        package var time: Double
        /// In bytes.
        package var size: Int
        /// Of its content, in hexadecimal digits.
        package var fingerprint: String

        func holds(_ content: UInt64) -> Bool { fingerprint == LibraryVersions.digits(content) }
    }

    /// What is in a plugin's `versions.json`.
    private struct Index: Codable {
        /// The newest first.
        var versions: [Version] = []
        var rollback: Rollback?
    }

    private struct Rollback: Codable {
        /// Of the version that serves.
        var fingerprint: String
        /// Of the file in the plugins directory, which does not: another one there ends the rollback.
        var over: String
    }

    package let directory: String
    private let lock = NIOLock()

    package init(directory: String) {
        self.directory = directory
    }

    // MARK: Keeping

    /// Keeps a library that has come into service.
    ///
    /// - Parameters:
    ///   - path: a file with its content, which nobody changes.
    ///   - version: what it says of itself.
    /// - Throws: ``PluginError`` when it can't be kept.
    func keep(
        _ path: String, _ fingerprint: UInt64, version: String, of plugin: String
    ) throws(PluginError) {
        try changing(plugin) { index, folder in
            let digits = Self.digits(fingerprint)
            guard index.versions.first?.fingerprint != digits, index.rollback == nil else {
                return false
            }
            let number = (index.versions.map(\.number).max() ?? 0) + 1
            let target = Self.file(digits, in: folder)
            if !FileManager.default.fileExists(atPath: target) {
                try FileManager.default.createDirectory(
                    atPath: folder, withIntermediateDirectories: true,
                    attributes: [.posixPermissions: 0o700])
                let part = target + ".part"
                try? FileManager.default.removeItem(atPath: part)
                // The content is never changed, so one file with two names will do, where both are on one disk.
                do {
                    try FileManager.default.linkItem(atPath: path, toPath: part)
                } catch {
                    try FileManager.default.copyItem(atPath: path, toPath: part)
                }
                try Self.sync(part)
                guard unsafe rename(part, target) == 0 else { throw CocoaError(.fileWriteUnknown) }
            }
            let attributes = try FileManager.default.attributesOfItem(atPath: target)
            index.versions.removeAll { $0.fingerprint == digits }
            index.versions.insert(
                Version(
                    number: number, version: version, time: Date().timeIntervalSince1970,
                    size: attributes[.size] as? Int ?? 0, fingerprint: digits), at: 0)
            index.versions = Array(index.versions.prefix(Self.kept + 1))
            return true
        }
    }

    /// Lets go of the versions of plugins that are not there any more.
    func prune(keeping plugins: Set<String>) {
        lock.withLock {
            for name in DirectoryListing.names(in: directory) where !plugins.contains(name) {
                try? FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
        }
    }

    // MARK: Going back

    /// The versions of a plugin's library that are kept, the newest first.
    func versions(of plugin: String) -> [Version] {
        lock.withLock { index(of: plugin).versions }
    }

    /// The version that an operator has gone back to.
    func rolledBackVersion(of plugin: String) -> Version? {
        lock.withLock {
            let index = index(of: plugin)
            return index.rollback.flatMap { rollback in
                index.versions.first { $0.fingerprint == rollback.fingerprint }
            }
        }
    }

    /// The library that is to serve in place of a file: that which an operator has gone back to. It ends when there is
    /// another file.
    ///
    /// - Returns: nil when it is the file itself.
    func substitute(for fingerprint: UInt64, of plugin: String) -> String? {
        let (path, isOver) = lock.withLock { () -> (String?, Bool) in
            guard let rollback = index(of: plugin).rollback else { return (nil, false) }
            let path = Self.file(rollback.fingerprint, in: folder(of: plugin))
            guard rollback.over == Self.digits(fingerprint),
                FileManager.default.fileExists(atPath: path)
            else { return (nil, true) }
            return (path, false)
        }
        if isOver { try? setRollback(of: plugin, to: nil) }
        return path
    }

    /// Goes back to a version, or to the file.
    ///
    /// - Parameters:
    ///   - version: nil: the file in the plugins directory.
    ///   - fingerprint: of that file.
    func rollBack(
        _ plugin: String, to version: Version, over fingerprint: UInt64
    ) throws(PluginError) {
        let over = Self.digits(fingerprint)
        try setRollback(
            of: plugin,
            to: version.fingerprint == over
                ? nil : Rollback(fingerprint: version.fingerprint, over: over))
    }

    /// What ``rollBack(_:to:over:)`` has changed, for when the version can't serve.
    func undoing<Value: Sendable>(
        of plugin: String, _ body: @Sendable () async throws(PluginError) -> Value
    ) async throws(PluginError) -> Value {
        let before = lock.withLock { index(of: plugin).rollback }
        do throws(PluginError) {
            return try await body()
        } catch {
            if !error.servesAllTheSame { try? setRollback(of: plugin, to: before) }
            throw error
        }
    }

    private func setRollback(of plugin: String, to rollback: Rollback?) throws(PluginError) {
        try changing(plugin) { index, _ in
            index.rollback = rollback
            return true
        }
    }

    // MARK: Files

    private func folder(of plugin: String) -> String { "\(directory)/\(plugin)" }

    private static func file(_ digits: String, in folder: String) -> String {
        "\(folder)/\(digits).so"
    }

    fileprivate static func digits(_ fingerprint: UInt64) -> String {
        let digits = String(fingerprint, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// - Returns: an empty one when there is none, or it can't be read: then nothing is kept.
    private func index(of plugin: String) -> Index {
        let data = FileManager.default.contents(atPath: "\(folder(of: plugin))/versions.json")
        return data.flatMap { try? JSONDecoder().decode(Index.self, from: $0) } ?? Index()
    }

    /// - Parameter change: returns whether there is something to be written.
    private func changing(
        _ plugin: String, _ change: (inout Index, _ folder: String) throws -> Bool
    ) throws(PluginError) {
        do {
            try lock.withLock {
                let folder = folder(of: plugin)
                var index = index(of: plugin)
                guard try change(&index, folder) else { return }
                let encoder = JSONEncoder()
                encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
                let path = "\(folder)/versions.json"
                try encoder.encode(index).write(to: URL(fileURLWithPath: path + ".part"))
                try Self.sync(path + ".part")
                guard unsafe rename(path + ".part", path) == 0 else {
                    throw CocoaError(.fileWriteUnknown)
                }
                try? Self.sync(folder)
                Self.removeOthers(index, in: folder)
            }
        } catch {
            throw PluginError(
                .unreadable,
                "the versions of \(plugin) can't be kept in \(directory): "
                    + "\(error.localizedDescription)", cause: error)
        }
    }

    /// What the index does not name: older versions, and what a host left half done that was killed.
    private static func removeOthers(_ index: Index, in folder: String) {
        let named = Set(index.versions.map { "\($0.fingerprint).so" } + ["versions.json"])
        for name in DirectoryListing.names(in: folder) where !named.contains(name) {
            try? FileManager.default.removeItem(atPath: "\(folder)/\(name)")
        }
    }

    private static func sync(_ path: String) throws {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CocoaError(.fileReadUnknown) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw CocoaError(.fileWriteUnknown) }
    }
}
