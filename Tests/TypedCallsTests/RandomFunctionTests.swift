import Foundation
import HostTypedCalls
import TestSupport
import Testing

/// Calls against the C compiler's own idea of where arguments and results go.
@Suite struct RandomFunctionTests {
    @Test(
        "C gets every argument as it was sent, and its result comes back",
        arguments: 1...4 as ClosedRange<UInt64>)
    func random(seed: UInt64) async throws {
        var functions = RandomFunctions(seed: seed)
        let calls = (0..<300).map { functions.call(returnsStructure: $0 % 3 == 0) }
        let source = functions.source
        // The compiler takes seconds for it, in which other tests need this thread.
        let directory = try await OwnThread.run { try Self.compile(source) }
        let library = try SystemLibrary(directory.file("libf.so"))
        for call in calls {
            let function = try library.function(call.name, call.signature)
            #expect(
                function.answer(call.arguments) == call.result,
                "\(call.signature) with \(call.arguments)")
        }
    }

    // libffi before 3.4.8 writes the second half of such a struct over the first floating-point argument.
    @Test(
        "a struct of an integer and a floating-point number takes the last integer register",
        arguments: [
            ("{id: i32, weight: f64}", "struct { int32_t id; double weight; }"),
            ("{id: i64, weight: f32}", "struct { int64_t id; float weight; }"),
            ("{id: u8, weight: f64}", "struct { uint8_t id; double weight; }"),
            (
                "{id: {x: i32, y: f32}, weight: f32}",
                "struct { struct { int32_t x; float y; } id; float weight; }"
            ),
        ])
    func lastRegister(type: String, declaration: String) throws {
        let library = try library(
            """
            #include <stdint.h>
            #pragma GCC visibility push(default)
            typedef \(declaration) item;
            double by_value(
                int32_t a, int64_t b, const uint8_t *c, uint64_t d, double scale, int8_t e, item f, item g) {
                return a + b + c[0] + d + e == 11 && f.weight == 0.5 && g.weight == 0.25 ? scale : -1;
            }
            typedef struct { double first, second, third; } triple;
            triple to_memory(int32_t a, int32_t b, int32_t c, int32_t d, double scale, item e, float last);
            triple to_memory(int32_t a, int32_t b, int32_t c, int32_t d, double scale, item e, float last) {
                triple result = {scale, e.weight + a + b + c + d, last};
                return result;
            }

            """)
        let id = type.contains("x:") ? #"{"x":7,"y":1.5}"# : "7"
        let byValue = try library.function(
            "by_value",
            "(a: i32, b: i64, c: bytes, scale: f64, e: i8, f: \(type), g: \(type)) -> f64")
        #expect(
            byValue.answer(
                #"{"a":1,"b":2,"c":"BA==","scale":1000.5,"e":3,"f":{"id":\#(id),"weight":0.5},"#
                    + #""g":{"id":\#(id),"weight":0.25}}"#) == "1000.5")
        let toMemory = try library.function(
            "to_memory",
            "(a: i32, b: i32, c: i32, d: i32, scale: f64, e: \(type), last: f32) -> "
                + "{first: f64, second: f64, third: f64}")
        #expect(
            toMemory.answer(#"[1,2,3,4,1000.5,{"id":\#(id),"weight":0.5},0.25]"#)
                == #"{"first":1000.5,"second":10.5,"third":0.25}"#)
    }

    private func library(_ source: String) throws -> SystemLibrary {
        let directory = try Self.compile(source)
        return try SystemLibrary(directory.file("libf.so"))
    }

    private static func compile(_ source: String) throws -> TemporaryDirectory {
        let directory = try TemporaryDirectory()
        try source.write(toFile: directory.file("f.c"), atomically: true, encoding: .utf8)
        try Fixture.compile(source: directory.file("f.c"), to: directory.file("libf.so"))
        return directory
    }
}
