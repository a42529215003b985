/// The calls that a plugin is given together, in order: mostly one, which takes no memory of its own.
package struct CallBatch: RandomAccessCollection, ExpressibleByArrayLiteral, Sendable {
    private var first: Call?
    private var others: [Call] = []

    package init(_ call: Call) {
        first = call
    }

    package init(arrayLiteral calls: Call...) {
        for call in calls { append(call) }
    }

    package init() {}

    package var startIndex: Int { 0 }
    package var endIndex: Int { first == nil ? 0 : 1 + others.count }

    package subscript(index: Int) -> Call {
        guard let first else { preconditionFailure("a call of none") }
        return index == 0 ? first : others[index - 1]
    }

    mutating func append(_ call: Call) {
        if first == nil { first = call } else { others.append(call) }
    }

    mutating func remove(_ call: Call) {
        if first === call {
            first = others.isEmpty ? nil : others.removeFirst()
        } else {
            others.removeAll { $0 === call }
        }
    }
}
