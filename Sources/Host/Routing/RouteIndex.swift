/// Which endpoint answers which path, and which has which name. A value: whoever has a copy sees no change.
///
/// A path goes to the endpoint with exactly that route, or else to the one with the longest prefix of it. That takes
/// one lookup, and one more for each segment that the deepest prefix has, however many endpoints there are and however
/// long the path is.
struct RouteIndex: Sendable {
    private(set) var byName: [String: Endpoint] = [:]
    private var exact: [PathBytes: Endpoint] = [:]
    /// By their paths, without `/*`.
    private var prefixes: [PathBytes: Endpoint] = [:]
    /// How many prefixes have how many segments, and how many the deepest has.
    private var prefixDepths: [Int: Int] = [:]
    private var deepestPrefix = 0

    /// All endpoints, by name.
    var all: [Endpoint] { byName.values.sorted { $0.name < $1.name } }

    /// The endpoints that have a route, by that.
    var routed: [(route: String, endpoint: Endpoint)] {
        all.compactMap { endpoint in endpoint.route.map { ($0, endpoint) } }
            .sorted { $0.0 < $1.0 }
    }

    /// Puts an endpoint in, in the place of another one of its name.
    mutating func insert(_ endpoint: Endpoint) {
        if let old = byName[endpoint.name]?.pattern { self[old] = nil }
        if let route = endpoint.pattern { self[route] = endpoint }
        byName[endpoint.name] = endpoint
    }

    mutating func remove(named name: String) {
        guard let endpoint = byName.removeValue(forKey: name) else { return }
        if let route = endpoint.pattern { self[route] = nil }
    }

    /// The endpoint with a route.
    subscript(route: RoutePattern) -> Endpoint? {
        get {
            let key = PathBytes(route.path[...])
            return route.isPrefix ? prefixes[key] : exact[key]
        }
        set {
            let key = PathBytes(route.path[...])
            guard route.isPrefix else {
                exact[key] = newValue
                return
            }
            let change = (newValue == nil ? 0 : 1) - (prefixes[key] == nil ? 0 : 1)
            prefixes[key] = newValue
            let count = prefixDepths[route.depth, default: 0] + change
            prefixDepths[route.depth] = count == 0 ? nil : count
            deepestPrefix = prefixDepths.keys.max() ?? 0
        }
    }

    /// The endpoint that answers a path, which is taken as it was sent.
    func endpoint(path: Substring) -> Endpoint? {
        if let endpoint = exact[PathBytes(path)] { return endpoint }
        guard !prefixes.isEmpty, path.utf8.first == UInt8(ascii: "/") else { return nil }
        // Up from the deepest segment that a prefix can reach: a path may have thousands.
        var prefix = path[..<end(of: path, segments: deepestPrefix)]
        while true {
            if let endpoint = prefixes[PathBytes(prefix)] { return endpoint }
            guard let slash = prefix.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
            prefix = prefix[..<slash]
        }
    }

    /// Where the first segments of a path end.
    private func end(of path: Substring, segments: Int) -> Substring.Index {
        var left = segments
        for index in path.utf8.indices where path.utf8[index] == UInt8(ascii: "/") {
            if left == 0 { return index }
            left -= 1
        }
        return path.endIndex
    }
}

/// A path as the key of a dictionary, compared byte by byte.
///
/// Not a `String`: to that, texts are equal which Unicode holds for equivalent, such as the kelvin sign and `K`; and a
/// part of a path would have to be copied to be looked up.
struct PathBytes: Hashable {
    let text: Substring

    init(_ text: Substring) {
        self.text = text
    }

    static func == (left: PathBytes, right: PathBytes) -> Bool {
        left.text.utf8.elementsEqual(right.text.utf8)
    }

    func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { unsafe hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    }
}
