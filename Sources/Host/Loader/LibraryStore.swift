package import HostCore
internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#endif

/// The private directory with the copies of libraries that this process loads.
///
/// A library is never loaded from where the operator put it. `dlopen` of a path it knows returns the library it has,
/// whatever the file is by now; and a file that is written while it is mapped kills the process with SIGBUS. So each
/// load gets a copy under a name that is never used again.
///
/// The copy is the library's own altogether: what it shares with other copies in the original, by unique symbols or by
/// the names of libraries that it brings along, ``ELFRewrite`` takes apart.
///
/// The directory goes with the process; what a killed one left behind, the next one of the same user removes.
package final class LibraryStore: Sendable {
    /// The function that makes a library a plugin. The ABI's header has it, too, which this module does not see; a test
    /// holds the two together.
    package static let entrySymbol = "backplane_plugin_entry"

    package let directory: String
    private let lock: CInt
    private let copies = Atomic<UInt64>(0)
    /// What was being loaded when the host ended the last time, if anything is to be remembered.
    package let journal: LoadJournal

    /// A copy of a library file.
    package struct Copy: Sendable {
        /// A library that it brings along.
        package struct Companion: Sendable {
            package let path: String
            /// Where the original is.
            package let source: String
        }

        package let path: String
        /// 64-bit FNV-1a of the content, its companions' included: tells a changed file from one that was only
        /// touched.
        package let fingerprint: UInt64
        /// Where the original is.
        package let source: String
        package var companions: [Companion] = []
        /// Where the originals of its companions are, and where it looked for others that aren't there.
        package var related: [String] = []
        /// Whether it has the function that makes a library a plugin.
        package var exportsEntry = true

        package init(
            path: String, fingerprint: UInt64, source: String, companions: [Companion] = [],
            related: [String] = [], exportsEntry: Bool = true
        ) {
            self.path = path
            self.fingerprint = fingerprint
            self.source = source
            self.companions = companions
            self.related = related
            self.exportsEntry = exportsEntry
        }

        /// What the dynamic linker says, with the originals' names in place of the copies', which mean nothing to an
        /// operator.
        package func translated(_ message: String) -> String {
            companions.reduce(message.replacing("\(path): ", with: "")) {
                $0.replacing($1.path, with: $1.source)
            }
        }
    }

    /// - Parameters:
    ///   - candidates: directories to put it in; the first that allows execution and writing is taken.
    ///   - journal: told of what is being loaded.
    /// - Throws: ``PluginError`` when none of them does.
    package init(
        candidates: [String] = LibraryStore.defaultCandidates,
        journal: LoadJournal = LoadJournal(file: nil)
    ) throws(PluginError) {
        self.journal = journal
        LibraryLocation.rememberHost()
        for candidate in candidates where Self.allowsExecution(candidate) {
            Self.removeStaleDirectories(in: candidate)
            guard let (directory, lock) = Self.makeDirectory(in: candidate) else { continue }
            self.directory = directory
            self.lock = lock
            return
        }
        throw PluginError(
            .unreadable,
            "no place for copies of libraries: none of \(candidates.joined(separator: ", ")) "
                + "can be written to and allows execution; set TMPDIR to one that does")
    }

    deinit {
        Self.removeTree(directory)
        close(lock)
    }

    /// The host ends in order: removes the directory now. What is mapped stays mapped.
    package func remove() {
        journal.close()
        Self.removeTree(directory)
    }

    /// For a name that is used once.
    func nextNumber() -> UInt64 { copies.add(1, ordering: .relaxed).newValue }

    /// Removes a copy that isn't mapped, or not any more.
    package func discard(_ copy: Copy) {
        unsafe unlink(copy.path)
        for companion in copy.companions { unsafe unlink(companion.path) }
    }

    // MARK: The directory

    package static var defaultCandidates: [String] {
        var candidates: [String] = []
        for variable in ["TMPDIR", "XDG_RUNTIME_DIR"] {
            if let value = unsafe getenv(variable),
                let path = unsafe String(validatingCString: value),
                path.hasPrefix("/")
            {
                candidates.append(path)
            }
        }
        return candidates + ["/tmp", "/var/tmp"]
    }

    private static let prefix = "backplane-libraries-"
    private static let lockName = "lock"
    /// `ST_NOEXEC` of `<sys/statvfs.h>`, which Swift does not import.
    private static let noExecution: UInt = 8

    private static func allowsExecution(_ directory: String) -> Bool {
        var status = statvfs()
        guard unsafe statvfs(directory, &status) == 0 else { return false }
        return status.f_flag & noExecution == 0
    }

    /// Makes a directory and holds its lock. It gets its name when it is locked, so that another process that starts
    /// now never takes it for one that was left behind.
    private static func makeDirectory(in parent: String) -> (path: String, lock: CInt)? {
        var template = Array("\(parent)/.\(prefix)XXXXXX".utf8CString)
        guard unsafe mkdtemp(&template) != nil else { return nil }
        let made = String(
            decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let name = "\(parent)/\(prefix)\(made.suffix(6))"
        let lock = unsafe open("\(made)/\(lockName)", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        if lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0, unsafe rename(made, name) == 0 {
            return (name, lock)
        }
        if lock >= 0 { close(lock) }
        removeTree(made)
        return nil
    }

    /// Removes directories of processes that are gone: theirs is the lock that nobody holds.
    private static func removeStaleDirectories(in parent: String) {
        for name in DirectoryListing.names(in: parent) where name.hasPrefix(prefix) {
            let path = "\(parent)/\(name)"
            var status = stat()
            guard unsafe lstat(path, &status) == 0, status.st_uid == getuid(),
                status.st_mode & S_IFMT == S_IFDIR
            else { continue }
            let lock = unsafe open("\(path)/\(lockName)", O_RDWR | O_CLOEXEC | O_NOFOLLOW)
            guard lock >= 0 else { continue }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { removeTree(path) }
            close(lock)
        }
    }

    private static func removeTree(_ directory: String) {
        for name in DirectoryListing.names(in: directory) {
            unsafe unlink("\(directory)/\(name)")
        }
        unsafe rmdir(directory)
    }
}
