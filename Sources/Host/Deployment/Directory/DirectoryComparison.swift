internal import HostCore
internal import HostPlugins

/// Tells what has changed in a directory between two looks at it. Pure: whoever looks brings the stamps along.
///
/// A link that leads elsewhere has changed at once. A file that is being written looks as if it had changed, too: it is
/// reported when it has looked alike twice.
struct DirectoryComparison {
    /// As it was reported last, by name.
    private(set) var known: [String: FileStamp] = [:]
    /// What looked different the last time.
    private var unsettled: [String: FileStamp] = [:]

    /// Whether there are names of which another look will tell more.
    func isUnsettled(where isMeant: (String) -> Bool) -> Bool {
        unsettled.keys.contains(where: isMeant)
    }

    enum Change: Equatable {
        case changed(String)
        case removed(String)
    }

    /// Takes a look for the first one, or one that needs no report.
    mutating func begin(with stamps: [String: FileStamp]) {
        known = stamps
        unsettled = [:]
    }

    /// A name is reported in another way.
    mutating func note(_ name: String, _ stamp: FileStamp?) {
        known[name] = stamp
        unsettled[name] = nil
    }

    /// - Returns: what has changed, by name.
    mutating func look(_ stamps: [String: FileStamp]) -> [Change] {
        var changes: [Change] = []
        for (name, stamp) in stamps where known[name] != stamp {
            let isFinished =
                (stamp.isLink || stamp.isSettled) && stamp.isAnother(than: known[name])
            if isFinished || unsettled[name] == stamp {
                note(name, stamp)
                changes.append(.changed(name))
            } else {
                unsettled[name] = stamp
            }
        }
        for name in known.keys where stamps[name] == nil {
            note(name, nil)
            changes.append(.removed(name))
        }
        unsettled = unsettled.filter { stamps[$0.key] != nil }
        return changes.sorted { $0.name < $1.name }
    }
}

extension DirectoryComparison.Change {
    var name: String {
        switch self {
        case .changed(let name), .removed(let name): name
        }
    }
}
