/// Why a configuration can't be used: what is wrong, and where it stands.
package struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    package enum Code: Sendable {
        /// The file is not there, can't be read, is too large or is no UTF-8.
        case unreadable
        case noYAML
        case noJSON
        /// Valid YAML that the host refuses: anchors, tags, several documents, depth.
        case unsupportedYAML
        case unknownKey
        case duplicateKey
        /// An endpoint names a backend that is not there.
        case unknownBackend
        case missingKey
        /// The value has another type than the key takes, or is out of its range.
        case wrongValue
        /// A value that is right by itself and doesn't go with another one.
        case conflict
    }

    /// A place in a file, both from 1; a column is a Unicode scalar, as in editors.
    package struct Position: Sendable, Hashable {
        package var line: Int
        package var column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    package struct Part: Sendable, Equatable {
        package var offset: Int
        package var value: String

        package init(offset: Int, value: String) {
            self.offset = offset
            self.value = value
        }
    }

    package var code: Code
    /// The file, as it was named; nil: the configuration came another way.
    package var file: String?
    /// nil: no single place is at fault, or the configuration is no text.
    package var position: Position?
    /// Where in the value at the position the fault is, in Unicode scalars from 0, until the place is known; with the
    /// value.
    package var part: Part?
    /// The key at fault, such as `endpoints.counter.traffic`; empty: the whole.
    package var path: String
    /// What is wrong, in one line, without the place.
    package var problem: String
    /// What the value must be.
    package var expected: String?
    /// What the value is.
    package var found: String?
    /// The name that was probably meant.
    package var nearest: String?

    package init(_ code: Code, at position: Position? = nil, _ problem: String) {
        self.init(code, at: position, .root, problem)
    }

    package init(_ code: Code, at position: Position?, _ path: ConfigurationPath, _ problem: String)
    {
        self.code = code
        self.position = position
        self.path = path.description
        self.problem = problem
    }

    /// One line, such as `backplane.yaml:7:5: endpoints.counter has no key metods; did you mean methods?`.
    package var description: String {
        var place = file.map { "\($0):" } ?? ""
        if let position { place += "\(position.line):\(position.column):" }
        let hint = nearest.map { "; did you mean \($0)?" } ?? ""
        return place.isEmpty ? problem + hint : "\(place) \(problem)\(hint)"
    }

    package func naming(file: String?) -> ConfigurationError {
        var error = self
        error.file = file
        return error
    }

    /// The same with the place of the part at fault, in place of the value's.
    package func locating(in text: String) -> ConfigurationError {
        guard let part, let position else { return self }
        var error = self
        error.position = ScalarPlace.of(part.offset, in: part.value, at: position, of: text)
        error.part = nil
        return error
    }
}

extension ConfigurationError {
    /// - Parameter expected: what the value must be, as it continues "it must be".
    package static func wrongValue(
        _ node: ConfigurationNode, _ path: ConfigurationPath, _ expected: String
    ) -> ConfigurationError {
        let found = node.summary
        var error = ConfigurationError(
            .wrongValue, at: node.position, path,
            "\(path.subject) is \(found): it must be \(expected)")
        error.expected = expected
        error.found = found
        return error
    }

    /// - Parameter known: the keys that there are, in the order in which they are told.
    package static func unknownKey(
        _ entry: ConfigurationNode.Entry, in path: ConfigurationPath, known: [String]
    ) -> ConfigurationError {
        let name = ConfigurationPath.quoted(entry.name)
        let problem = path.isRoot ? "there is no key \(name)" : "\(path) has no key \(name)"
        var error = ConfigurationError(
            .unknownKey, at: entry.position, path.appending(entry.name), problem)
        error.nearest = NearestName.of(entry.name, among: known)
        error.found = entry.name
        error.expected = known.joined(separator: ", ")
        if error.nearest == nil { error.problem += "; there are: \(error.expected ?? "")" }
        return error
    }
}
