#if canImport(Glibc)
internal import Glibc
#endif

/// The names by which a path can come to lead to another file: each link on the way, and the file in the end.
enum LinkTrail {
    struct Step: Hashable {
        /// A real path.
        let directory: String
        let name: String
    }

    /// - Returns: the steps as far as there is anything. Blocks on the disk.
    static func steps(of path: String) -> Set<Step> {
        var steps: Set<Step> = []
        var rest = path.split(separator: "/").map { String($0) }
        var place = path.hasPrefix("/") ? "/" : "."
        var links = 0
        while !rest.isEmpty {
            let part = rest.removeFirst()
            let next = place == "/" ? "/\(part)" : "\(place)/\(part)"
            let target = target(of: next)
            if rest.isEmpty || target != nil, let directory = realPath(place) {
                steps.insert(Step(directory: directory, name: part))
            }
            guard let target else {
                place = next
                continue
            }
            links += 1
            guard links <= mostLinks else { break }
            if target.hasPrefix("/") { place = "/" }
            rest = target.split(separator: "/").map { String($0) } + rest
        }
        return steps
    }

    /// - Returns: nil when there is nothing.
    static func realPath(_ path: String) -> String? {
        guard let real = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(real) }
        return unsafe String(validatingCString: real)
    }

    private static func target(of path: String) -> String? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe readlink(path, &buffer, buffer.count)
        guard count > 0 else { return nil }
        return String(
            decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// As many as the kernel follows.
    private static let mostLinks = 40
}
