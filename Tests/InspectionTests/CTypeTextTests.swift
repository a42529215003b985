import Testing

@testable import HostInspection

@Suite struct CTypeTextTests {
    private static let int = CType.integer(bits: 32, isSigned: true)
    private static let double = CType.floating(bits: 64)

    private func lookup(_ name: String) -> CType? {
        [
            "uLong": .integer(bits: 64, isSigned: false),
            "struct point": .structure("struct point"),
            "handle": .pointer(to: .structure("struct point"), isConstant: false),
        ][name]
    }

    @Test(
        "a type is what C says it is",
        arguments: [
            ("double", double), ("unsigned char", .integer(bits: 8, isSigned: false)),
            ("_Bool", .bool), ("size_t", .size), ("char", .character),
            ("uLong", .integer(bits: 64, isSigned: false)),
            ("const char *", .pointer(to: .character, isConstant: true)),
            ("char *const", .pointer(to: .character, isConstant: false)),
            ("const double *restrict", .pointer(to: double, isConstant: true)),
            (
                "const char *const *",
                .pointer(to: .pointer(to: .character, isConstant: true), isConstant: true)
            ),
            ("struct point *", .pointer(to: .structure("struct point"), isConstant: false)),
            (
                "handle *",
                .pointer(
                    to: .pointer(to: .structure("struct point"), isConstant: false),
                    isConstant: false)
            ),
            ("double[4]", .array(of: double, count: 4)),
            ("double[2][3]", .array(of: .array(of: double, count: 3), count: 2)),
            (
                "const double (*)[4]",
                .pointer(to: .array(of: double, count: 4), isConstant: true)
            ),
            ("int (*)(void *, int, char **)", .pointer(to: .function, isConstant: false)),
            ("void (*(*)(int))(double)", .pointer(to: .function, isConstant: false)),
            ("long double", .other("long double")),
            (
                "struct (unnamed struct at a.h:3:1)",
                .other("struct unnamed struct at a . h : 3 : 1")
            ),
            ("", .other("")),
        ] as [(String, CType)])
    func type(text: String, expected: CType) {
        #expect(CTypeText.type(text, lookup) == expected)
    }

    @Test("a function's type has its result")
    func function() {
        let pow = CTypeText.function("double (double, double)", lookup)
        #expect(pow.result == Self.double && !pow.takesMore && !pow.hasNoPrototype)
        #expect(CTypeText.function("int (const char *, ...)", lookup).takesMore)
        #expect(CTypeText.function("int ()", lookup).hasNoPrototype)
        #expect(!CTypeText.function("int (void)", lookup).hasNoPrototype)
        #expect(
            CTypeText.function("const char *(int)", lookup).result
                == .pointer(to: .character, isConstant: true))
        #expect(
            CTypeText.function("void (*(int))(double)", lookup).result
                == .pointer(to: .function, isConstant: false))
        #expect(
            CTypeText.function("void (void) __attribute__((noreturn))", lookup).result == .void)
    }
}
