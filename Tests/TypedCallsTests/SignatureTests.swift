import HostTypedCalls
import Testing

/// The grammar: what parses, and what an author is told of what doesn't.
@Suite struct SignatureTests {
    #if arch(arm64)
    private static let character = "u8"
    #else
    private static let character = "i8"
    #endif

    @Test(
        "a signature that can't be used says where, what was expected and what came",
        arguments: [
            ("", 1, "expected '(' to begin the parameters, found the end"),
            ("i64 -> i64", 1, "expected '(' to begin the parameters, found i64"),
            ("(i64 -> i64", 6, "expected ')' or ',' after the parameter, found '->'"),
            ("(i64) -> ", 10, "expected a type, found the end"),
            ("(i64) i64", 7, "expected the end of the signature, found i64"),
            ("(x: )", 5, "expected a type, found ')'"),
            ("(x: i46)", 5, "there is no type i46: use i64, f64, string, ..., or declare it"),
            ("(x: int)", 5, "there is no type int: write i32"),
            ("(x: unsigned int)", 5, "there is no type unsigned: write u32"),
            ("(x: Double)", 5, "there is no type Double: write f64"),
            ("(x: *uint8_t)", 6, "there is no type uint8_t: write u8"),
            ("(n: size_t)", 5, "there is no type size_t: write size"),
            (
                "(x: char*)", 5,
                "there is no type char: write string for a text (char *), or "
                    + Self.character
            ),
            (
                "(x: const double*)", 5,
                "there is no type const: leave const out: '*' and string are read, out and inout "
                    + "are written"
            ),
            (
                "(x: void*)", 5,
                "expected a type, found void: write pointer for a void *, which can only be null"
            ),
            ("() -> long", 7, "there is no type long: write i64"),
            ("(x: i64, x: i64)", 10, "two parameters are named x: rename one"),
            ("(x: self!)", 9, "the character '!' has no meaning in a signature"),
            ("(x: [i64)", 9, "expected ']' after the array's element, found ')'"),
            (
                "(x: [[string]])", 6,
                "an array holds numbers, enums, structs or strings, a matrix [[...]] numbers"
            ),
            ("(x: {a: i64, a: i64})", 14, "two fields are named a: rename one"),
            ("(x: {a: [i64]})", 9, "a field is a number, an enum, a string or a struct"),
            ("(x: enum {a = 1, a})", 18, "a stands twice in the enum"),
            ("(x: enum u8 {a = 256})", 16, "the value of a doesn't fit u8"),
            ("(x: enum i64 {a = 9223372036854775807, b})", 41, "the value of b doesn't fit i64"),
            ("(n: i32 = count(y))", 17, "expected a parameter's name, found y"),
            ("(n: i32 = count(x), x: i32)", 17, "x has no count: count() is of an array or bytes"),
            ("(n: i32 = rows(x), x: [i32])", 16, "x is no matrix [[...]]"),
            ("(n: i32 = 2147483648)", 11, "the constant doesn't fit i32"),
            ("(n: i32 = y)", 11, "there is no parameter y"),
            ("(n: i32 = result) -> i32", 11, "the result is not known before the call"),
            ("(n: bool = 1)", 12, "expected true or false, found 1"),
            ("(p: pointer)", 2, "a pointer can only be NULL: write pointer = null"),
            ("(x: out [f64])", 2, "how much comes back? Give it out(capacity) or count(...)"),
            ("(x: inout string)", 2, "a string can't be inout: use out(...)"),
            ("(x: *string)", 2, "a string is a pointer already: leave out '*'"),
            (
                "(x: *bytes(u32))", 11,
                "'*' passes no count: leave out '*', or the count's type"
            ),
            ("(x: bytes(f32))", 11, "expected the count's type, such as u32, found f32"),
            ("() -> bytes", 7, "how much comes back? Say it with count(...)"),
            ("() -> i64 free(free)", 7, "there is nothing to free: the result is no pointer"),
            ("() -> f64 check(0)", 7, "check() is for an integer result"),
            (
                "() -> i32 check(0, SORRY)", 20,
                "expected errno or a status such as INVALID_ARGUMENT, found SORRY"
            ),
            (
                "(out i32, out i32)", 2,
                "more than one value comes back: give each out parameter a name"
            ),
            (
                "(x: i64 = \"a\")", 11,
                "expected an integer, a parameter's name or a function, found \"a\""
            ),
            ("(x: string = \"a)", 14, "the text is not closed: end it with \""),
            ("(x: i64 = 18446744073709551616)", 11, "18446744073709551616 doesn't fit in 64 bits"),
            ("(error, error)", 9, "there is one of these already: leave one out"),
        ])
    func errors(_ text: String, _ column: Int, _ message: String) {
        let error = #expect(throws: SignatureError.self) { try Signature(parsing: text) }
        #expect(error?.column == column)
        #expect(error?.message == message)
    }

    @Test("a signature knows what a caller gives and what comes back")
    func shape() throws {
        let signature = try Signature(
            parsing: "(self, n: i32 = count(x), x: *[f64], y: out f64, z: f64?) -> i32 check(0)")
        #expect(signature.takesInstance)
        #expect(signature.inputs.map(\.name) == ["x", "z"])
        #expect(signature.inputs.map(\.isOptional) == [false, true])
        #expect(signature.outputs.map(\.name) == ["y"])
        #expect(signature.result.isShown == false)
    }

    @Test("a declared type can be called by its name")
    func named() throws {
        var types = NamedTypes()
        try types.declare("Point", as: "{x: f64, y: f64}")
        try types.declare("Line", as: "{from: Point, to: Point}")
        let signature = try Signature(parsing: "(line: *Line) -> Point", types: types)
        let point = Structure(fields: [
            .init(name: "x", type: .scalar(.f64), isOptional: false),
            .init(name: "y", type: .scalar(.f64), isOptional: false),
        ])
        #expect(signature.result.type == .structure(point))
        #expect(throws: SignatureError.self) { try types.declare("Point", as: "i64") }
        #expect(throws: SignatureError.self) { try types.declare("i64", as: "i32") }
        #expect(throws: SignatureError.self) { try types.declare("out", as: "i32") }
    }

    @Test("structs that hold structs can't grow without a limit")
    func growth() throws {
        var types = NamedTypes()
        try types.declare("T0", as: "{a: i64, b: i64}")
        var refused = false
        for level in 1..<40 where !refused {
            do {
                try types.declare("T\(level)", as: "{a: T\(level - 1), b: T\(level - 1)}")
            } catch { refused = true }
        }
        #expect(refused)
    }
}
