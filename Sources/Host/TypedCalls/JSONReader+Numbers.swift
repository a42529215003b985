extension JSONReader {
    /// A number's text, taken apart.
    private struct Number {
        var isNegative = false
        /// The digits without the point, as long as they fit.
        var digits: UInt64 = 0
        /// Whether they don't.
        var isLong = false
        /// The power of ten that `digits` is to be multiplied with, if `isLong` is false.
        var exponent = 0
        /// Without a fraction and an exponent.
        var isInteger = true
        var text: Range<Int>
    }

    /// An integer, given as one: 1.0 and 1e0 are refused, whatever their value.
    mutating func integer(_ type: Scalar) throws(ArgumentError) -> UInt64 {
        let start = position
        guard let number = try number(), number.isInteger else {
            position = start
            throw unexpected("\(type.rawValue), an integer")
        }
        let (least, greatest) = type.range
        let fits = number.isNegative ? number.digits <= least.magnitude : number.digits <= greatest
        guard !number.isLong, fits else {
            position = start
            throw unexpected("\(type.rawValue), an integer from \(least) to \(greatest)")
        }
        return number.isNegative ? 0 &- number.digits : number.digits
    }

    mutating func double() throws(ArgumentError) -> Double {
        let start = position
        guard let number = try number() else { throw unexpected("f64, a number") }
        // Exact: both are doubles, and one operation is rounded once (Clinger, "How to read floating point numbers
        // accurately", 1990).
        if !number.isLong, number.digits <= 1 << 53, number.exponent.magnitude <= 22 {
            let digits = Double(number.digits)
            let power = Self.powers[Int(number.exponent.magnitude)]
            let value = number.exponent < 0 ? digits / power : digits * power
            return number.isNegative ? -value : value
        }
        guard let value = Double(bytes.slice(number.text).text), value.isFinite else {
            position = start
            throw unexpected("f64, a number up to 1.8e308")
        }
        return value
    }

    mutating func float() throws(ArgumentError) -> Float {
        let start = position
        guard let number = try number() else { throw unexpected("f32, a number") }
        if !number.isLong, number.digits <= 1 << 24, number.exponent.magnitude <= 10 {
            let digits = Float(number.digits)
            let power = Float(Self.powers[Int(number.exponent.magnitude)])
            let value = number.exponent < 0 ? digits / power : digits * power
            return number.isNegative ? -value : value
        }
        guard let value = Float(bytes.slice(number.text).text), value.isFinite else {
            position = start
            throw unexpected("f32, a number up to 3.4e38")
        }
        return value
    }

    /// Takes a number; nil when none begins here.
    private mutating func number() throws(ArgumentError) -> Number? {
        var number = Number(text: position..<position)
        number.isNegative = take(UInt8(ascii: "-"))
        guard Self.isDigit(peek) else {
            if number.isNegative { throw syntax("a digit") }
            return nil
        }
        if !take(UInt8(ascii: "0")) { takeDigits(&number) }
        if take(UInt8(ascii: ".")) {
            number.isInteger = false
            guard Self.isDigit(peek) else { throw syntax("a digit") }
            let first = position
            takeDigits(&number)
            number.exponent = first - position
        }
        if peek | 0x20 == UInt8(ascii: "e") {
            number.isInteger = false
            position += 1
            let isNegative = take(UInt8(ascii: "-"))
            if !isNegative { _ = take(UInt8(ascii: "+")) }
            guard Self.isDigit(peek) else { throw syntax("a digit") }
            var exponent = 0
            while Self.isDigit(peek) {
                // Far beyond what any number has; the slow way reads the text itself.
                if exponent < 100_000 { exponent = exponent * 10 + Int(peek & 0x0F) }
                position += 1
            }
            number.exponent += isNegative ? -exponent : exponent
        }
        number.text = number.text.lowerBound..<position
        return number
    }

    @inline(__always)
    private mutating func takeDigits(_ number: inout Number) {
        while Self.isDigit(peek) {
            let (tens, isOver) = number.digits.multipliedReportingOverflow(by: 10)
            let (digits, isOverToo) = tens.addingReportingOverflow(UInt64(peek & 0x0F))
            number.digits = digits
            number.isLong = number.isLong || isOver || isOverToo
            position += 1
        }
    }

    @inline(__always)
    private static func isDigit(_ byte: UInt8) -> Bool { byte &- UInt8(ascii: "0") < 10 }

    private static let powers: [Double] = [
        1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
        1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
    ]
}
