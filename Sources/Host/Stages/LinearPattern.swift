/// A regular expression that is matched in time that grows with the text and no faster: what a client sends can't make
/// it slow. It matches whole texts of ASCII.
///
/// The syntax is what such a matcher can have: characters, `.`, sets (`[a-z0-9-]`, `[^.]`), `\d`, `\w` and `\s`,
/// groups, `|`, `*`, `+`, `?`, `{2}`, `{2,}`, `{2,5}`, and `^` and `$`. A lazy repetition (`*?`) matches the same
/// texts. Look-around, back references, word boundaries and flags are refused.
///
/// Source: Thompson, "Regular Expression Search Algorithm" (1968); Cox, "Regular Expression Matching: the Virtual
/// Machine Approach" (2009). All ways to match are followed at once, each instruction at most once for each character.
struct LinearPattern: Sendable {
    /// How a pattern can't be used, as it continues the name of its place.
    struct Problem: Error, Equatable {
        let reason: String
    }

    /// Steps of a pattern; a repetition such as `{2,5}` has those of what it repeats for each time. With texts of a few
    /// hundred characters, some hundred thousand operations are the most that a match can take.
    static let largest = 500
    static let deepest = 50

    enum Step: Sendable, Equatable {
        /// Takes a character of a set.
        case take(ByteSet)
        case jump(Int)
        /// Goes on at both.
        case split(Int, Int)
        case isAtStart
        case isAtEnd
        case match
    }

    private let steps: [Step]

    init(_ text: String) throws(Problem) {
        var parser = PatternParser(text)
        let pattern = try parser.parse()
        var builder = PatternBuilder()
        try builder.add(pattern)
        steps = builder.steps + [.match]
    }

    /// Whether all of the text matches.
    func matches(_ text: String) -> Bool {
        let bytes = Array(text.utf8)
        var (now, next) = (Threads(steps.count), Threads(steps.count))
        follow(0, at: 0, of: bytes.count, into: &now)
        for (position, byte) in bytes.enumerated() {
            guard !now.isEmpty else { return false }
            next.removeAll()
            for thread in now.list {
                guard case .take(let set) = steps[thread], set.contains(byte) else { continue }
                follow(thread + 1, at: position + 1, of: bytes.count, into: &next)
            }
            swap(&now, &next)
        }
        return now.list.contains { steps[$0] == .match }
    }

    /// Adds a step, and those that are reached from it without a character, each once.
    private func follow(_ start: Int, at position: Int, of end: Int, into threads: inout Threads) {
        threads.open.append(start)
        while let step = threads.open.popLast() {
            guard threads.insert(step) else { continue }
            switch steps[step] {
            case .jump(let target): threads.open.append(target)
            case .split(let first, let second):
                threads.open.append(second)
                threads.open.append(first)
            case .isAtStart: if position == 0 { threads.open.append(step + 1) }
            case .isAtEnd: if position == end { threads.open.append(step + 1) }
            case .take, .match: break
            }
        }
    }

    /// Steps at which a match may be, each once.
    private struct Threads {
        private(set) var list: [Int] = []
        private var has: [Bool]
        /// Those that are yet to be added.
        var open: [Int] = []

        init(_ count: Int) {
            has = [Bool](repeating: false, count: count)
        }

        var isEmpty: Bool { list.isEmpty }

        mutating func insert(_ step: Int) -> Bool {
            guard !has[step] else { return false }
            has[step] = true
            list.append(step)
            return true
        }

        mutating func removeAll() {
            for step in list { has[step] = false }
            list.removeAll(keepingCapacity: true)
        }
    }
}

/// Some of the 128 characters of ASCII.
struct ByteSet: Sendable, Equatable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0

    init(_ ranges: ClosedRange<UInt8>...) {
        for range in ranges { insert(range) }
    }

    func contains(_ byte: UInt8) -> Bool {
        switch byte {
        case ..<64: low & (1 << UInt64(byte)) != 0
        case ..<128: high & (1 << UInt64(byte - 64)) != 0
        default: false
        }
    }

    mutating func insert(_ range: ClosedRange<UInt8>) {
        for byte in range where byte < 128 {
            if byte < 64 { low |= 1 << UInt64(byte) } else { high |= 1 << UInt64(byte - 64) }
        }
    }

    mutating func formUnion(_ other: ByteSet) {
        low |= other.low
        high |= other.high
    }

    mutating func invert() {
        low = ~low
        high = ~high
    }

    static let any = ByteSet(0...127)
    static let digits = ByteSet(UInt8(ascii: "0")...UInt8(ascii: "9"))
    static let words = ByteSet(
        UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_")...UInt8(ascii: "_"))
    static let space = ByteSet(0x09...0x0D, 0x20...0x20)
}

/// Makes the steps of a pattern.
private struct PatternBuilder {
    private(set) var steps: [LinearPattern.Step] = []
    /// How many parts were added, those without a step among them: `((){99}){99}` has many.
    private var parts = 0

    mutating func add(_ pattern: PatternParser.Pattern) throws(LinearPattern.Problem) {
        parts += 1
        guard parts <= 10 * LinearPattern.largest else { throw tooLarge }
        switch pattern {
        case .take(let set): try append(.take(set))
        case .start: try append(.isAtStart)
        case .end: try append(.isAtEnd)
        case .sequence(let parts):
            for part in parts { try add(part) }
        case .choice(let parts): try add(choice: parts[...])
        case .repeated(let part, let least, let most):
            for _ in 0..<least { try add(part) }
            if let most {
                for _ in least..<most { try add(optional: part) }
            } else {
                try add(anyTimes: part)
            }
        }
    }

    private mutating func add(
        choice parts: ArraySlice<PatternParser.Pattern>
    ) throws(LinearPattern.Problem) {
        guard let first = parts.first, parts.count > 1 else {
            if let last = parts.first { try add(last) }
            return
        }
        let split = try reserve()
        try add(first)
        let jump = try reserve()
        steps[split] = .split(split + 1, steps.count)
        try add(choice: parts.dropFirst())
        steps[jump] = .jump(steps.count)
    }

    private mutating func add(
        optional part: PatternParser.Pattern
    ) throws(LinearPattern.Problem) {
        let split = try reserve()
        try add(part)
        steps[split] = .split(split + 1, steps.count)
    }

    private mutating func add(
        anyTimes part: PatternParser.Pattern
    ) throws(LinearPattern.Problem) {
        let split = try reserve()
        try add(part)
        try append(.jump(split))
        steps[split] = .split(split + 1, steps.count)
    }

    /// A step whose targets are known later.
    private mutating func reserve() throws(LinearPattern.Problem) -> Int {
        try append(.jump(0))
        return steps.count - 1
    }

    private mutating func append(_ step: LinearPattern.Step) throws(LinearPattern.Problem) {
        guard steps.count < LinearPattern.largest else { throw tooLarge }
        steps.append(step)
    }

    private var tooLarge: LinearPattern.Problem {
        LinearPattern.Problem(
            reason: "is too large: it has more than \(LinearPattern.largest) steps, in which each "
                + "repetition counts as often as it may occur")
    }
}
