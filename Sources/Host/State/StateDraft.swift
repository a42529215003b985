internal import Foundation
internal import HostCore

/// A directory beside a state file in which it is made.
///
/// Who makes it holds the directory's lock. What a killed host left behind is nobody's, and the next one removes it.
struct StateDraft {
    private static let fileName = "state"

    private let directory: String
    private let lock: CInt

    /// Where the state file is to be made. It is there, empty, and its owner's alone.
    var file: String { "\(directory)/\(Self.fileName)" }

    /// - Returns: nil when it can't be made; `errno` says why.
    static func make(for path: String) -> StateDraft? {
        // Until it is locked, a draft looks like one that was left behind, and another host that starts may take it
        // away: then another one is made.
        for _ in 0..<16 {
            let directory = prefix(of: path) + UUID().uuidString
            guard unsafe mkdir(directory, 0o700) == 0 else { return nil }
            let lock = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            // A file system without such locks gives none to those who would remove the draft either.
            let isTaken = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK
            let draft = StateDraft(directory: directory, lock: lock)
            if lock >= 0, !isTaken, draft.makeFile() { return draft }
            let reason = errno
            draft.remove()
            errno = reason
            guard isTaken || reason == ENOENT else { return nil }
        }
        return nil
    }

    /// SQLite would make it readable by everybody.
    private func makeFile() -> Bool {
        let descriptor = unsafe open(file, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
        return descriptor >= 0
    }

    /// Once, at the end.
    func remove() {
        Self.remove(directory)
        if lock >= 0 { close(lock) }
    }

    /// Removes drafts of a state file that no process holds.
    static func removeStale(of path: String) {
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent().path
        let prefix = URL(fileURLWithPath: prefix(of: path)).lastPathComponent
        for name in DirectoryListing.names(in: parent)
        where name.hasPrefix(prefix)
            && UUID(uuidString: String(name.dropFirst(prefix.count))) != nil
        {
            let directory = "\(parent)/\(name)"
            let lock = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { remove(directory) }
            close(lock)
        }
    }

    private static func prefix(of path: String) -> String { "\(path).new-" }

    /// With what is made in it, and nothing else: a directory that has more stays.
    private static func remove(_ directory: String) {
        for name in ["\(fileName)-journal", fileName] { unsafe unlink("\(directory)/\(name)") }
        unsafe rmdir(directory)
    }
}
