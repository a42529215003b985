internal import HostCore
internal import HostLoader
internal import Logging

/// What the thread of a ``DirectoryWatcher`` does: reads what inotify tells, looks by itself where that tells nothing,
/// and reports. Used by that thread alone.
struct WatchLoop: Sendable {
    /// nil: the system has none left.
    let inotify: Inotify?
    private let directory: String
    private let isOfInterest: @Sendable (String) -> Bool
    var report: @Sendable (DirectoryWatcher.Event) -> Void = { _ in }
    private let logger: Logger
    /// The watch on the directory itself.
    private var watch: CInt?
    /// Which directory that is.
    private var identity: FileStamp.Content?
    /// The watches on others, where links are on the way to a file.
    private var otherWatches: [String: CInt] = [:]
    private var steps: Set<LinkTrail.Step> = []
    private var realDirectory: String?
    private var debouncer = ChangeDebouncer(quietPeriod: .milliseconds(50))
    private var comparison = DirectoryComparison()
    /// Who depends on a file elsewhere, by its path.
    private var followed: [String: [String]] = [:]
    private var marks: [Int] = []
    private var nextLook = ContinuousClock.now
    /// Whether the directory can't be read for now.
    private var isGone = false
    private var hasSaidThatWatchesLack = false

    private static let interval: Duration = .seconds(10)
    /// Without inotify nothing else tells.
    private static let unwatchedInterval: Duration = .seconds(1)
    private static let missingInterval: Duration = .milliseconds(500)
    private static let soon: Duration = .milliseconds(50)
    /// A file that may be half-written is looked at again.
    private static let settlingInterval: Duration = .milliseconds(250)

    /// Takes the directory for known as it is. Blocks on the disk.
    init(
        _ directory: String, _ inotify: Inotify?,
        isOfInterest: @escaping @Sendable (String) -> Bool, logger: Logger
    ) {
        self.directory = directory
        self.inotify = inotify
        self.isOfInterest = isOfInterest
        self.logger = logger
        // First which one it is, then the watch, then what is in it: nothing falls between.
        identity = FileStamp(of: directory)?.content
        watch = inotify?.watch(directory)
        if watch == nil { sayItIsNotWatched(SystemError.current) }
        comparison.begin(with: stamps() ?? [:])
        nextLook = .now + (watch == nil ? Self.unwatchedInterval : Self.interval)
        followLinks()
    }

    private func sayItIsNotWatched(_ reason: String) {
        logger.warning(
            """
            cannot watch \(directory) (\(reason)): changes are looked for every second; \
            sysctl fs.inotify has the limits
            """)
    }

    /// Whether something is to be reported that has happened already.
    var isBehind: Bool { debouncer.nextDue != nil || nextLook < .now + Self.soon }

    /// How long there is nothing to do, in milliseconds.
    var timeout: CInt {
        let left = min(nextLook, debouncer.nextDue ?? nextLook) - .now
        return CInt(
            clamping: max(0, left.components.seconds * 1_000)
                + max(0, left.components.attoseconds / 1_000_000_000_000_000) + 1)
    }

    /// Takes files elsewhere into account, by the files that depend on them.
    mutating func follow(_ files: [String: [String]]) {
        var followed: [String: [String]] = [:]
        for (file, paths) in files {
            for path in paths { followed[path, default: []].append(file) }
        }
        guard followed.mapValues({ Set($0) }) != self.followed.mapValues({ Set($0) }) else {
            return
        }
        for path in Set(followed.keys).union(self.followed.keys) {
            // As it is now it has been taken into account.
            let stamp = followed[path] == nil ? nil : FileStamp(of: path)
            if followed[path] == nil || self.followed[path] == nil {
                comparison.note(path, stamp)
            }
        }
        self.followed = followed
        followLinks()
    }

    /// Reports marks as soon as all is reported that happened before.
    mutating func expect(_ new: [Int]) {
        marks += new
        guard !marks.isEmpty, debouncer.nextDue == nil, nextLook > .now + Self.soon else { return }
        for mark in marks { report(.mark(mark)) }
        marks = []
    }

    /// Reads and reports what there is.
    mutating func work() {
        while let events = inotify?.read(), !events.isEmpty {
            for event in events { take(event) }
        }
        if nextLook <= .now { look() }
        for event in debouncer.takeDue(at: .now) {
            if let file = event.file {
                comparison.note(file, FileStamp(of: "\(directory)/\(file)"))
            }
            report(event)
        }
    }

    // MARK: Events

    private mutating func take(_ event: Inotify.Event) {
        if event.isLoss {
            debouncer.add(.rescan, at: .now)
            lookSoon()
        } else if event.watch == watch {
            takeOwn(event)
        } else if event.isLast {
            otherWatches = otherWatches.filter { $0.value != event.watch }
            lookSoon()
        } else if let place = otherWatches.first(where: { $0.value == event.watch })?.key,
            event.name.isEmpty || steps.contains(.init(directory: place, name: event.name))
        {
            lookSoon()
        }
    }

    /// One of the directory itself.
    private mutating func takeOwn(_ event: Inotify.Event) {
        if event.isAboutDirectory {
            if event.isLast { watch = nil }
            nextLook = .now
        } else if isGone {
            // It has another name now.
        } else if !isOfInterest(event.name) {
            // A link that others lead through, as in a ConfigMap's volume.
            if let realDirectory,
                steps.contains(.init(directory: realDirectory, name: event.name))
            {
                lookSoon()
            }
        } else if event.isArrival {
            changed(event.name)
        } else if event.isCreation {
            let stamp = FileStamp(of: "\(directory)/\(event.name)")
            if let stamp, stamp.isLink || stamp.isSettled { changed(event.name) }
        } else if event.isRemoval {
            comparison.note(event.name, nil)
            debouncer.add(.removed(event.name), at: .now)
        }
    }

    private mutating func changed(_ file: String) {
        let path = "\(directory)/\(file)"
        let stamp = FileStamp(of: path)
        // Where its link leads, a change is another directory's event.
        if stamp?.isLink == true { lookSoon() }
        // It is reported from here, and by no look.
        comparison.note(file, stamp)
        if !LibraryFile.isWhole(path) {
            debouncer.add(.changed(file), at: .now)
        } else if debouncer.addWhole(file, at: .now) {
            report(.changed(file))
        }
    }

    private mutating func lookSoon() {
        nextLook = min(nextLook, .now + Self.soon)
    }

    // MARK: Looking

    private mutating func look() {
        let now = FileStamp(of: directory)?.content
        guard let now, let stamps = stamps() else {
            if !isGone {
                logger.warning(
                    """
                    \(directory) can't be read: \(SystemError.current); what serves goes on, and \
                    the directory is taken up again when it is back
                    """)
            }
            isGone = true
            nextLook = .now + Self.missingInterval
            return
        }
        if isGone || !isSame(now) {
            if isGone { logger.info("\(directory) is back") }
            isGone = false
            identity = now
            if let watch { inotify?.unwatch(watch) }
            watch = inotify?.watch(directory)
            // What happened until the watch was there is in these.
            comparison.begin(with: self.stamps() ?? stamps)
            report(.rescan)
        } else {
            if watch == nil { watch = inotify?.watch(directory) }
            for change in comparison.look(stamps) { report(change) }
        }
        followLinks()
        nextLook = .now + (watch == nil ? Self.unwatchedInterval : Self.interval)
        if comparison.isUnsettled(where: { isSettledByLooking($0, stamps) }) {
            nextLook = .now + Self.settlingInterval
        }
    }

    /// Whether nothing but another look tells that a file is written to the end.
    private func isSettledByLooking(_ name: String, _ stamps: [String: FileStamp]) -> Bool {
        name.contains("/") || stamps[name]?.isLink == true
    }

    private func isSame(_ now: FileStamp.Content) -> Bool {
        now.device == identity?.device && now.inode == identity?.inode
    }

    private func report(_ change: DirectoryComparison.Change) {
        guard let owners = followed[change.name] else {
            switch change {
            case .changed(let name): report(.changed(name))
            case .removed(let name): report(.removed(name))
            }
            return
        }
        for owner in owners { report(.companionChanged(owner)) }
    }

    /// The files of interest by name, and those elsewhere by path.
    ///
    /// - Returns: nil when the directory can't be read.
    private func stamps() -> [String: FileStamp]? {
        guard let names = DirectoryListing.read(directory) else { return nil }
        var stamps: [String: FileStamp] = [:]
        for name in names where isOfInterest(name) {
            stamps[name] = FileStamp(of: "\(directory)/\(name)")
        }
        for path in followed.keys { stamps[path] = FileStamp(of: path) }
        return stamps
    }

    /// Watches the directories in which links, and the files that they lead to, can change.
    private mutating func followLinks() {
        steps = LinkTrail.steps(of: directory)
        realDirectory = LinkTrail.realPath(directory)
        for (name, stamp) in comparison.known where stamp.isLink && !name.contains("/") {
            steps.formUnion(LinkTrail.steps(of: "\(directory)/\(name)"))
        }
        for path in followed.keys { steps.formUnion(LinkTrail.steps(of: path)) }
        guard let inotify else { return }
        let places = Set(steps.map(\.directory)).subtracting([realDirectory ?? ""])
        for (place, watch) in otherWatches where !places.contains(place) {
            inotify.unwatch(watch)
            otherWatches[place] = nil
        }
        for place in places where otherWatches[place] == nil {
            if let watch = inotify.watch(place) {
                otherWatches[place] = watch
            } else if !hasSaidThatWatchesLack {
                hasSaidThatWatchesLack = true
                logger.warning(
                    "cannot watch \(place) (\(SystemError.current)): it is looked at every ten seconds"
                )
            }
        }
    }
}
