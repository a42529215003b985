/// Values that keep the number they got until they are removed; then the next value gets it.
struct Slab<Value> {
    private var values: [Value?] = []
    private var free: [Int] = []

    /// How many values there is memory for.
    var capacity: Int { values.count }
    var count: Int { values.count - free.count }

    mutating func insert(_ value: Value) -> Int {
        guard let number = free.popLast() else {
            values.append(value)
            return values.count - 1
        }
        values[number] = value
        return number
    }

    mutating func remove(_ number: Int) {
        values[number] = nil
        free.append(number)
    }

    /// - Precondition: there is a value with that number.
    subscript(number: Int) -> Value {
        get { values[number]! }
        _modify { yield &values[number]! }
    }

    /// - Returns: nil: no value has that number.
    func find(_ number: Int) -> Value? {
        values.indices.contains(number) ? values[number] : nil
    }

    /// All numbers that are in use.
    var numbers: [Int] { values.indices.filter { values[$0] != nil } }
}

extension Slab: Sendable where Value: Sendable {}
