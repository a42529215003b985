internal import HostCore

#if canImport(Glibc)
internal import Glibc
#endif

/// A library and those that it brings along: found as the dynamic linker would find them from where the original is.
///
/// Brought along is what an object's `$ORIGIN` leads to, in the directory of the library or below it. All else resolves
/// as ever: what the host program has loaded itself is one for the whole process, and the system's libraries are the
/// system's.
struct LibraryBundle {
    /// One of its files.
    struct Member {
        /// Where the original is, as it was looked for.
        let source: String
        /// Where the copy is.
        fileprivate(set) var path: String
        let check: ELFCheck
        /// What it calls the members that it needs, and which those are.
        var needs: [String: Int] = [:]
        /// Where the object is that needs it; the first has none.
        let needer: Int?

        var directory: String { LibraryPath.directory(of: source) }
    }

    /// The library first, then in the order in which the linker would load them.
    private(set) var members: [Member]
    /// Where it would bring libraries along from, and there are none.
    private(set) var missing: [String] = []
    private let home: String

    /// Finds all of them.
    ///
    /// - Parameters:
    ///   - source: the library's absolute path.
    ///   - copy: copies a file, and looks at it.
    /// - Throws: what `copy` throws; ``PluginError`` when there are too many.
    init(
        of source: String, copiedTo path: String, _ check: ELFCheck,
        copy: (_ source: String, _ number: Int) throws(PluginError) -> (String, ELFCheck)
    ) throws(PluginError) {
        home = LibraryPath.directory(of: source)
        members = [Member(source: source, path: path, check: check, needer: nil)]
        var next = 0
        while next < members.count {
            for name in members[next].check.library.needed {
                guard let index = try member(for: name, neededBy: next, copy) else { continue }
                members[next].needs[name] = index
            }
            next += 1
        }
    }

    /// Gives the copy of the library itself its name.
    mutating func nameFirst(_ path: String) {
        members[0].path = path
    }

    /// The changes that a member's copy needs.
    func rewrite(of member: Member) -> ELFRewrite {
        var rewrite = ELFRewrite(member.check, origin: member.directory)
        rewrite.needed = member.needs.mapValues { members[$0].path }
        return rewrite
    }

    private mutating func member(
        for name: String, neededBy needer: Int,
        _ copy: (String, Int) throws(PluginError) -> (String, ELFCheck)
    ) throws(PluginError) -> Int? {
        if LibraryLocation.isOfHost(name) { return nil }
        // One that is loaded is taken by its name, wherever it came from.
        if let index = members.firstIndex(where: { $0.answers(to: name) }) { return index }
        guard let source = locate(name, neededBy: needer) else { return nil }
        if let index = members.firstIndex(where: { Self.areSame($0.source, source) }) {
            return index
        }
        guard members.count < Self.mostMembers else {
            throw PluginError(
                .notALibrary, "it brings more than \(Self.mostMembers) libraries along")
        }
        let path: String
        let check: ELFCheck
        do throws(PluginError) {
            (path, check) = try copy(source, members.count)
        } catch {
            var error = PluginError(
                error.code, "it needs \(source): \(error.message)", cause: error.cause)
            error.files = members.dropFirst().map(\.source) + [source] + missing
            throw error
        }
        members.append(Member(source: source, path: path, check: check, needer: needer))
        return members.count - 1
    }

    /// Where a library is that an object brings along; nil: it is not one of those.
    private mutating func locate(_ name: String, neededBy index: Int) -> String? {
        let places: [(text: String, origin: String)] =
            name.contains("/")
            ? [(name, members[index].directory)]
            : searchPath(of: index).map { ("\($0.text)/\(name)", $0.origin) }
        for place in places {
            let isOwn = ELFRewrite.names(origin: place.text)
            guard isOwn || place.text.hasPrefix("/") else { continue }
            let path = LibraryPath.normalized(
                ELFRewrite.replacingOrigin(in: place.text, with: place.origin))
            let isBelow = isOwn && path.hasPrefix(home + "/")
            guard unsafe access(path, F_OK) == 0 else {
                if isBelow { missing.append(path) }
                continue
            }
            // The first one that is there counts, also when it is the system's.
            return isBelow ? path : nil
        }
        return nil
    }

    /// Where an object's libraries are looked for, in that order: `DT_RPATH`, its own and those of the objects that
    /// brought it, unless it has a `DT_RUNPATH`; the environment; `DT_RUNPATH`.
    private func searchPath(of index: Int) -> [(text: String, origin: String)] {
        func entries(_ tag: ELFTag, of member: Member) -> [(String, String)] {
            guard let place = member.check.library[tag] else { return [] }
            return member.check.library.text(place).split(separator: ":").map {
                (String($0), member.directory)
            }
        }
        var path: [(String, String)] = []
        let hasRunPath = members[index].check.library[.runPath] != nil
        var object: Int? = hasRunPath ? nil : index
        while let current = object {
            if members[current].check.library[.runPath] == nil {
                path += entries(.searchPath, of: members[current])
            }
            object = members[current].needer
        }
        if let value = unsafe getenv("LD_LIBRARY_PATH"),
            let text = unsafe String(validatingCString: value)
        {
            path += text.split { $0 == ":" || $0 == ";" }.map { (String($0), home) }
        }
        return path + entries(.runPath, of: members[index])
    }

    private static func areSame(_ a: String, _ b: String) -> Bool {
        var (first, second) = (stat(), stat())
        return unsafe stat(a, &first) == 0 && stat(b, &second) == 0
            && first.st_dev == second.st_dev && first.st_ino == second.st_ino
    }

    private static let mostMembers = 256
}

/// Paths, as texts.
package enum LibraryPath {
    package static func directory(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// A path without `.` and `..`, links not followed.
    static func normalized(_ path: String) -> String {
        var parts: [Substring] = []
        for part in path.split(separator: "/") where part != "." {
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
        return "/" + parts.joined(separator: "/")
    }
}

extension LibraryBundle.Member {
    /// Whether the linker would take it for a library of that name.
    fileprivate func answers(to name: String) -> Bool {
        guard let place = check.library[.ownName] else {
            return needer != nil && source.hasSuffix("/\(name)")
        }
        return check.library.text(place) == name
    }
}

extension ELFLibrary {
    /// The libraries that it needs, in its order.
    var needed: [String] {
        dynamic.filter { $0.tag == ELFTag.needed.rawValue }.map { text($0.value) }
    }
}
