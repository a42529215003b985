/// The header fields by which a caller says what it wants of a plugin. Names are Ray Serve's where that has one.
package struct CallFields: Sendable {
    package private(set) var contentType: String?
    /// `X-SERVE-CALL-METHOD`: the plugin's method.
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
        func isNamed(_ known: String) -> Bool { HeaderName.areEqual(name, known) }
        // The length tells most fields apart; only a likely one is compared.
        switch name.utf8.count {
        case 12 where isNamed("content-type"):
            Self.set(&contentType, value, "Content-Type", &repeated)
        case 12 where isNamed("x-request-id"): requestID = value
        case 17 where isNamed("x-serve-shard-key"):
            Self.set(&shardKey, value, "X-SERVE-SHARD-KEY", &repeated)
        case 19 where isNamed("x-serve-call-method"):
            Self.set(&method, value, "X-SERVE-CALL-METHOD", &repeated)
        case 25 where isNamed("x-request-timeout-seconds"):
            Self.set(&timeout, value, "X-Request-Timeout-Seconds", &repeated)
        default: break
        }
    }

    private static func set(
        _ member: inout String?, _ value: String, _ name: String, _ repeated: inout String?
    ) {
        if member != nil { repeated = name }
        member = value
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
