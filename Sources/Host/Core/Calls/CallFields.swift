/// The header fields by which a caller says what it wants of a plugin. Names are Ray Serve's where that has one.
package struct CallFields: Sendable {
    package enum Field: Int, CaseIterable, Sendable {
        case contentType
        /// The plugin's method.
        case method
        case shardKey
        case requestID
        case timeout

        /// - Parameter name: of any field, in any case.
        package init?(_ name: Span<UInt8>) {
            // The length tells most fields apart; only a likely one is compared.
            switch name.count {
            case 12 where name.equals(lowercased: "content-type"): self = .contentType
            case 12 where name.equals(lowercased: "x-request-id"): self = .requestID
            case 17 where name.equals(lowercased: "x-serve-shard-key"): self = .shardKey
            case 19 where name.equals(lowercased: "x-serve-call-method"): self = .method
            case 25 where name.equals(lowercased: "x-request-timeout-seconds"): self = .timeout
            default: return nil
            }
        }

        /// As the host's own documents have it.
        var name: String {
            switch self {
            case .contentType: "Content-Type"
            case .method: "X-SERVE-CALL-METHOD"
            case .shardKey: "X-SERVE-SHARD-KEY"
            case .requestID: "X-Request-Id"
            case .timeout: "X-Request-Timeout-Seconds"
            }
        }
    }

    package private(set) var contentType: String?
    package private(set) var method: String?
    package private(set) var shardKey: String?
    package private(set) var requestID: String?
    private var timeout: String?
    /// A field that may stand there once, and stands there more often. Which one of two would hold is nobody's to
    /// guess.
    package private(set) var repeated: String?

    package init() {}

    package init(_ fields: HeaderFields) {
        for (name, value) in fields.all { read(name, value) }
    }

    /// Looks at one field of the request, whatever it is. In the order sent.
    package mutating func read(_ name: String, _ value: String) {
        if let field = Field(name.utf8Span.span) { set(field, value) }
    }

    /// In the order sent.
    package mutating func set(_ field: Field, _ value: String) {
        let old = self[field]
        if old != nil, field != .requestID { repeated = field.name }
        self[field] = value
    }

    private subscript(field: Field) -> String? {
        get {
            switch field {
            case .contentType: contentType
            case .method: method
            case .shardKey: shardKey
            case .requestID: requestID
            case .timeout: timeout
            }
        }
        set {
            switch field {
            case .contentType: contentType = newValue
            case .method: method = newValue
            case .shardKey: shardKey = newValue
            case .requestID: requestID = newValue
            case .timeout: timeout = newValue
            }
        }
    }

    /// The caller's own limit.
    ///
    /// - Returns: nil when it set none.
    /// - Throws: ``DispatchError`` when it is no positive number of seconds.
    package func callerTimeout() throws(DispatchError) -> Duration? {
        guard let timeout else { return nil }
        // `Double` takes more than decimal numbers.
        guard timeout.utf8.allSatisfy("0123456789.eE+-".utf8.contains),
            let seconds = Double(timeout), seconds > 0, seconds < 1e9
        else {
            throw DispatchError(
                .refused(httpStatus: 400),
                "X-Request-Timeout-Seconds is \(timeout): send a positive number of seconds, such as 2.5"
            )
        }
        return .seconds(seconds)
    }
}
