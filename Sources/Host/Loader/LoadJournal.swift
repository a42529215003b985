internal import Dispatch
package import HostCore
internal import HostLogging
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
internal import Glibc
#endif

/// Remembers on the disk what is being taken into service, so that a library that ends the host doesn't end it at each
/// start again.
///
/// A library runs code of its own as soon as it is mapped, and may be damaged where nobody sees it; its `create` and
/// `warm_up` may fail in ways that no host survives. So it is written down before that, and struck out when it serves,
/// or has been refused. What stands there when the host starts may have ended it the last time: that content is held
/// back until an operator asks for it, or another one takes its place.
///
/// Which one it was of several, the crash itself has written down, if it could: see ``EndingRecord``. If it could not,
/// somebody may have killed the host. So what was being loaded then is only suspected, and held back when that happens
/// twice. Libraries are loaded one at a time, so that there is no doubt which one it was; only where one takes longer
/// than ``patience`` the next one doesn't wait, and both are suspected.
package final class LoadJournal: Sendable {
    /// A library that is taken into service.
    package struct Entry: Sendable, Equatable {
        /// Its content, or its name where that is the same for the life of the process.
        let key: String
        /// The name of the plugin that it is of.
        let plugin: String

        package init(_ copy: LibraryStore.Copy, plugin: String) {
            self.init(key: String(copy.fingerprint, radix: 16), plugin: plugin)
        }

        package init(key: String, plugin: String) {
            (self.key, self.plugin) = (key, plugin)
        }
    }

    private enum Phase: String {
        /// It is mapped, and its `load` runs.
        case loading
        /// Its first replicas and stages are made.
        case starting
        /// It was being loaded when a host ended that could not say why.
        case suspected
        /// It has ended a host.
        case held

        /// Whether it is of a host that has ended.
        var isPast: Bool { self == .suspected || self == .held }
    }

    private struct State {
        var entries: [(phase: Phase, entry: Entry)] = []
        var isClosed = false
    }

    /// nil: nothing is written down.
    private let file: String?
    /// Gets the plugin's name from a crash, as the last line of the log does.
    private let ending: EndingRecord?
    private let state: NIOLockedValueBox<State>
    /// Held while the file is written, so that it gets the last state last. Whoever only looks waits for no disk.
    private let writing = NIOLock()
    private let turn = DispatchSemaphore(value: 1)

    /// How long a library waits for the one before.
    private static let patience: DispatchTimeInterval = .seconds(1)
    /// Of those that are suspected or held back the latest ones are remembered.
    private static let mostPast = 64

    /// - Parameter file: where it is written down, and `file.end` what a crash says; nil: nowhere.
    package init(file: String?) {
        var state = State()
        let ending = file.flatMap { file in
            EndingRecord("\(file).end") { text in
                let found = Self.read(file)
                state.entries = Self.judged(found, byCrash: text)
                // Now: the crash's own words are forgotten next.
                if !state.entries.elementsEqual(found, by: ==) {
                    Self.write(state.entries, to: file)
                }
            }
        }
        // One that another host has is not touched.
        self.file = ending == nil ? nil : file
        self.ending = ending
        self.state = NIOLockedValueBox(state)
    }

    /// What the host that has ended leaves to be remembered.
    ///
    /// - Parameter text: whose code ended it, as the log has it; nil: it could not say.
    private static func judged(
        _ found: [(phase: Phase, entry: Entry)], byCrash text: String?
    ) -> [(phase: Phase, entry: Entry)] {
        var judged = found.filter { $0.phase.isPast }
        for (phase, entry) in found where !phase.isPast {
            let isKnown = judged.contains { $0.entry == entry }
            let isNamed = text?.split(separator: "\n").first?
                .hasSuffix(LogLine.pair("plugin", entry.plugin))
            switch (phase, isNamed) {
            case (_, true): judged.append((.held, entry))
            case (.loading, nil): judged.append((isKnown ? .held : .suspected, entry))
            default: break
            }
        }
        return judged
    }

    /// Why a library is not to be loaded by itself; nil: it may be.
    package func objection(to entry: Entry) -> PluginError? {
        let isHeld = state.withLockedValue { state in
            state.entries.contains { $0.phase == .held && $0.entry == entry }
        }
        guard isHeld else { return nil }
        return PluginError(
            .heldBack,
            "the host ended while it was loading this very file, or starting its replicas, so it is "
                + "not loaded again by itself; put another version there, or try it again with "
                + "`backplane reload \(entry.plugin)`")
    }

    /// Loads a library. Blocks on the disk, and on another library that is being loaded. When it is loaded it stays
    /// written down, until ``strikeOut(_:)``.
    package func record<Value>(
        _ entry: Entry, while body: () throws(PluginError) -> Value
    ) throws(PluginError) -> Value {
        guard file != nil else { return try body() }
        let hasTurn = turn.wait(timeout: .now() + Self.patience) == .success
        change { $0.append((.loading, entry)) }
        defer { if hasTurn { turn.signal() } }
        do throws(PluginError) {
            let value = try body()
            change { entries in
                if let index = entries.firstIndex(where: { $0 == (.loading, entry) }) {
                    entries[index].phase = .starting
                }
            }
            return value
        } catch {
            strikeOut(entry)
            throw error
        }
    }

    /// A library serves, or was refused: it is no danger to the host after all. Blocks on the disk.
    package func strikeOut(_ entry: Entry) {
        change { $0.removeAll { $0.entry == entry } }
    }

    /// The host ends in order: what is being loaded is not what ended it.
    package func close() {
        change { $0.removeAll { !$0.phase.isPast } }
        state.withLockedValue { $0.isClosed = true }
        ending?.close()
    }

    // MARK: The file

    /// Changes what is remembered, and writes it down before this returns.
    private func change(_ body: (inout [(phase: Phase, entry: Entry)]) -> Void) {
        writing.withLock {
            let changed = state.withLockedValue { state -> [(phase: Phase, entry: Entry)]? in
                guard !state.isClosed else { return nil }
                let before = state.entries
                body(&state.entries)
                let surplus = state.entries.filter(\.phase.isPast).count - Self.mostPast
                for _ in 0..<max(surplus, 0) {
                    state.entries.remove(at: state.entries.firstIndex(where: \.phase.isPast)!)
                }
                return state.entries.elementsEqual(before, by: ==) ? nil : state.entries
            }
            // One that can't be written is no reason not to serve: then a crash is not remembered.
            if let file, let changed { Self.write(changed, to: file) }
        }
    }

    private static func read(_ path: String) -> [(phase: Phase, entry: Entry)] {
        guard let file = try? RegularFile.open(path) else { return [] }
        defer { Glibc.close(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = unsafe Glibc.read(file, &buffer, buffer.count)
        guard count > 0 else { return [] }
        return String(decoding: buffer[..<count], as: UTF8.self).split(separator: "\n").compactMap {
            let parts = $0.split(separator: "\t", maxSplits: 2)
            guard parts.count == 3, let phase = Phase(rawValue: String(parts[0])) else {
                return nil
            }
            return (phase, Entry(key: String(parts[1]), plugin: String(parts[2])))
        }
    }

    private static func write(_ entries: [(phase: Phase, entry: Entry)], to path: String) {
        if entries.isEmpty {
            unsafe unlink(path)
        } else {
            let text = entries.map {
                "\($0.phase.rawValue)\t\(line($0.entry.key))\t\(line($0.entry.plugin))\n"
            }.joined()
            let new = "\(path).new"
            let file = unsafe open(
                new, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600)
            guard file >= 0 else { return }
            let bytes = Array(text.utf8)
            let isWritten =
                unsafe Glibc.write(file, bytes, bytes.count) == bytes.count && fsync(file) == 0
            Glibc.close(file)
            guard isWritten, unsafe rename(new, path) == 0 else {
                unsafe unlink(new)
                return
            }
        }
        let directory = unsafe open(
            LibraryPath.directory(of: path), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return }
        fsync(directory)
        Glibc.close(directory)
    }

    private static func line(_ text: String) -> String {
        String(text.map { $0.isNewline || $0 == "\t" ? "?" : $0 })
    }
}
