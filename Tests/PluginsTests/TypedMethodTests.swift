import HostCore
import HostPlugins
import NIOCore
import TestSupport
import Testing

/// Typed methods: what goes in comes out, and what can't go in is refused by the argument's name.
@Suite struct TypedMethodTests {
    private static let values = Result { try LoadedPlugin(fixture: "typed_values") }

    private func call(_ method: String, _ body: String, _ contentType: String = "") throws
        -> TestCall
    {
        try Self.values.get().run(TestCall(body, contentType: contentType), method)
    }

    @Test(
        "each type comes out as it went in",
        arguments: [
            ("bool", "[true]", "true"), ("bool", "[false]", "false"),
            ("i8", "[-128]", "-128"), ("i8", "[127]", "127"),
            ("u8", "[0]", "0"), ("u8", "[255]", "255"),
            ("i16", "[-32768]", "-32768"), ("i16", "[32767]", "32767"),
            ("u16", "[65535]", "65535"),
            ("i32", "[-2147483648]", "-2147483648"), ("i32", "[2147483647]", "2147483647"),
            ("u32", "[4294967295]", "4294967295"),
            ("i64", "[-9223372036854775808]", "-9223372036854775808"),
            ("i64", "[9223372036854775807]", "9223372036854775807"),
            ("u64", "[18446744073709551615]", "18446744073709551615"),
            ("size", "[18446744073709551615]", "18446744073709551615"),
            ("i64", "[-0]", "0"),
            ("f64", "[0.1]", "0.1"), ("f64", "[1e3]", "1000"), ("f64", "[3]", "3"),
            ("f64", "[-0.0]", "-0"), ("f64", "[5e-324]", "5e-324"),
            ("f64", "[1.7976931348623157e308]", "1.7976931348623157e+308"),
            ("f64", "[0.30000000000000004]", "0.30000000000000004"),
            ("f64", "[123456789012345678901234567890]", "1.2345678901234568e+29"),
            ("f32", "[0.1]", "0.1"), ("f32", "[16777217]", "16777216"),
            ("f32", "[3.4028235e38]", "3.4028235e+38"),
            ("string", #"["a\u00e9\ud83d\ude00\n\"\\"]"#, "aé😀\n\"\\"), ("string", #"[""]"#, ""),
            ("copy", #"["owned"]"#, "owned"),
            ("maybe_string", "[null]", "null"), ("maybe_string", "[]", "null"),
            ("maybe_string", #"["there"]"#, "there"),
            ("maybe_f64", "[null]", "null"), ("maybe_f64", "{}", "null"),
            ("maybe_f64", "[1.5]", "1.5"), ("maybe_f64", "null", "null"),
            ("i64s", "[[1, -2, 9223372036854775807]]", "[1,-2,9223372036854775807]"),
            ("i64s", "[]", "[]"), ("i64s", "[1]", "[1]"), ("i64s", #"{"x": []}"#, "[]"),
            ("f32s", "[0.1, 2]", "[0.1,2]"), ("bools", "[true, false]", "[true,false]"),
            ("maybe_count", "[[1, 2]]", "2"), ("maybe_count", "null", "1000"),
            ("strings", #"["a", "b\tc"]"#, "b\tc"), ("strings", "[]", "null"),
            ("string_array", #"["a", "\u0001\""]"#, #"["a","\u0001\""]"#),
            ("transpose", "[[1, 2, 3], [4, 5, 6]]", "[[1,4],[2,5],[3,6]]"),
            ("transpose", "[[[1, 2]]]", "[[1],[2]]"), ("transpose", "[]", "[]"),
            (
                "record", #"{"small": -1, "x": 0.5, "inner": {"yes": true, "y": 2}}"#,
                #"{"small":-1,"x":0.5,"name":null,"inner":{"yes":true,"y":2}}"#
            ),
            (
                "record_pointer",
                #"{"x": {"inner":{"y":1,"yes":false},"name":"n","x":1,"small":2}}"#,
                ""
            ),
            ("maybe_record", "null", "null"),
            (
                "records",
                #"[{"small":1,"x":1.5,"inner":{"yes":true,"y":0}},{"small":1,"x":2,"inner":{"yes":true,"y":0}}]"#,
                "3.5"
            ),
            ("colour", #""green""#, #""green""#), ("colour", #"["blue"]"#, #""blue""#),
            ("bytes", #""AAEC/w==""#, "\0\u{1}\u{2}"), ("bytes_u16", #"[""]"#, ""),
            ("bytes_object", #""AP8=""#, #"{"result":"AP8=","y":0}"#),
            ("add_to", "[1, 0.5]", "1.5"),
            ("divide", "[7, 2]", #"{"quotient":3,"remainder":1}"#),
            ("name_of", #"{"size": 40, "number": 7}"#, "number 7"),
            ("name_of", #"{"size": 4, "number": 7}"#, "num"),
            ("fill_eight", "[3]", "abc"), ("fill_eight", "[0]", ""),
            ("fill_eight", "8", "abcdefgh"),
            ("squares", "[4]", "[0,1,4,9]"), ("fails", "[3]", "3"),
            ("complain", #"[""]"#, ""), ("nothing", "", ""), ("nothing", "[]", ""),
        ])
    func echo(_ method: String, _ body: String, _ expected: String) throws {
        // These name a member after the one parameter: it is the field that is meant.
        let isRecord = method == "record_pointer"
        let body =
            isRecord ? #"{"inner":{"y":1,"yes":false},"name":"n","x":1,"small":2}"# : body
        let answer =
            isRecord
            ? #"{"small":2,"x":1,"name":"n","inner":{"yes":false,"y":1}}"# : expected
        let call = try call(method, body, "application/json")
        if method == "bytes" {
            #expect(call.bytes == [0, 1, 2, 255])
        } else {
            #expect(call.text == answer, "\(String(describing: call.failure))")
        }
    }

    @Test(
        "what can't be an argument is refused with the argument's name, what was expected, and what came",
        arguments: [
            ("i8", "[128]", "argument x: expected i8, an integer from -128 to 127, got 128"),
            ("u8", "[-1]", "argument x: expected u8, an integer from 0 to 255, got -1"),
            ("i64", "[1.0]", "argument x: expected i64, an integer, got 1.0"),
            ("i64", "[1e3]", "argument x: expected i64, an integer, got 1e3"),
            (
                "i64", "[9223372036854775808]",
                "argument x: expected i64, an integer from -9223372036854775808 to "
                    + "9223372036854775807, got 9223372036854775808"
            ),
            (
                "u64", "[18446744073709551616]",
                "argument x: expected u64, an integer from 0 to 18446744073709551615, got "
                    + "18446744073709551616"
            ),
            ("i64", #"["1"]"#, #"argument x: expected i64, an integer, got the string "1""#),
            ("f64", "[1e309]", "argument x: expected f64, a number up to 1.8e308, got 1e309"),
            ("f32", "[3.5e38]", "argument x: expected f32, a number up to 3.4e38, got 3.5e38"),
            ("f64", "[NaN]", "argument x: expected f64, a number at byte 2, got 'N'"),
            ("f64", "[-Infinity]", "argument x: expected a digit at byte 3, got 'I'"),
            ("f64", "[true]", "argument x: expected f64, a number, got true"),
            ("f64", "[null]", "argument x: expected f64, a number, got null"),
            ("f64", "[01]", "expected ',' or ']' at byte 3, got '1'"),
            ("f64", "[1.]", "argument x: expected a digit at byte 4, got ']'"),
            ("f64", "[]", "argument x: missing: expected one argument (x)"),
            ("f64", "", "argument x: missing: expected one argument (x)"),
            ("f64", "[1, 2]", "expected one argument (x), got more"),
            ("f64", #"{"y": 1}"#, "there is no argument y: expected one argument (x)"),
            ("f64", #"{"x": 1, "x": 2}"#, "argument x: given twice"),
            ("f64", "[1] 2", "expected the end at byte 5, got '2'"),
            ("bool", "[1]", "argument x: expected true or false, got 1"),
            ("f64", "[nul]", "argument x: expected f64, a number at byte 2, got 'n'"),
            ("f64", "[1,]", "expected one argument (x), got more"),
            ("bool", "[nul]", "argument x: expected true or false at byte 2, got 'n'"),
            ("bool", "[tru]", "argument x: expected true at byte 2, got 't'"),
            ("string", "[5]", "argument x: expected a string, got 5"),
            (
                "string", #"["\u0000"]"#,
                "argument x: expected a string without NUL characters, got one with"
            ),
            ("string", #"["\ud800"]"#, "argument x: half a surrogate pair at byte 5"),
            ("string", "[\"a", "argument x: expected '\"' at byte 4, got the end"),
            (
                "string", "[\"a\u{1}\"]",
                "argument x: expected a control character as \\u escape at byte 4, got the byte 0x1"
            ),
            ("i64s", "[1, 2.5]", "argument x[1]: expected i64, an integer, got 2.5"),
            (
                "transpose", "[[1, 2], [3]]",
                "argument a[1]: expected 2 elements as in the first row, got 1"
            ),
            ("transpose", "[[1], 2]", "argument a[1]: expected a row, an array, got 2"),
            (
                "transpose", #"[[1], ["x"]]"#,
                #"argument a[1][0]: expected f64, a number, got the string "x""#
            ),
            ("record", #"{"small": 1}"#, "argument x.x: missing"),
            (
                "record", #"{"small": 1, "x": 0, "inner": {"yes": 1}}"#,
                "argument x.inner.yes: expected true or false, got 1"
            ),
            (
                "record", #"{"tall": 1}"#,
                "argument x: there is no field tall: expected small, x, name, inner"
            ),
            ("record", #"{"small": 1, "small": 1}"#, "argument x.small: given twice"),
            (
                "records", #"[{"x": "y"}]"#,
                #"argument x[0].x: expected f64, a number, got the string "y""#
            ),
            ("colour", #"["pink"]"#, #"argument x: expected one of red, green, blue, got "pink""#),
            ("colour", "[5]", "argument x: expected one of red, green, blue, got 5"),
            (
                "bytes", #"["AAE"]"#,
                #"argument x: expected bytes, a string of base64, got the string "AAE""#
            ),
            (
                "bytes", #"["AAF="]"#,
                #"argument x: expected bytes, a string of base64, got the string "AAF=""#
            ),
            (
                "divide", "5",
                "expected an array or an object with 2 arguments (a, b), got 5"
            ),
            ("divide", "[1]", "argument b: missing: expected 2 arguments (a, b)"),
            ("nothing", "[1]", "expected no arguments, got more"),
            ("nothing", "1", "expected an array or an object with no arguments, got 1"),
            (
                "name_of", #"{"size": 4294967295, "number": 1}"#,
                "argument name: room for 4294967295 elements is asked for, more than 64 MiB"
            ),
        ])
    func refusal(_ method: String, _ body: String, _ message: String) throws {
        let failure = try call(method, body, "application/json").failure
        #expect(failure?.status == .invalidArgument)
        #expect(failure?.message == message)
    }

    @Test(
        "a function that fails, or breaks its signature, fails the call and says why",
        arguments: [
            ("divide", "[1, 0]", StatusCode.outOfRange, "divide() returned 1"),
            ("fails", "[-1]", .notFound, "fails() returned -1: No such file or directory"),
            ("complain", #"["this"]"#, .unknown, "complain() returned 7: this"),
            (
                "no_string", "", .internal,
                "the function returned NULL, its signature says string: write string? if it may"
            ),
            (
                "not_a_number", "", .outOfRange,
                "the function returned nan, which JSON can't express"
            ),
            (
                "no_colour", "", .internal,
                "the function returned 3, which is none of the enum's values"
            ),
            (
                "fill_eight", "[9]", .internal,
                "data has 9 elements by the function's account, there is room for 8"
            ),
            (
                "fill_eight", "[-1]", .internal,
                "data has -1 elements by the function's account, there is room for 8"
            ),
        ])
    func failure(
        _ method: String, _ body: String, _ status: StatusCode, _ message: String
    ) throws {
        let failure = try call(method, body).failure
        #expect(failure?.status == status)
        #expect(failure?.message == message)
    }

    @Test("a function that breaks its signature is counted, one that fails is not")
    func violations() throws {
        let plugin = try LoadedPlugin(fixture: "typed_values")
        try plugin.call("divide", "[1, 0]")
        try plugin.call("divide", "bad")
        #expect(plugin.generation.violations.total == 0)
        try plugin.call("no_string")
        #expect(plugin.generation.violations.count(.brokenSignature) == 1)
    }

    @Test("a call that nobody waits for any more is not made")
    func abandoned() throws {
        let counter = try LoadedPlugin(fixture: "typed_counter")
        let call = TestCall("[5]")
        call.abandon()
        #expect(try counter.run(call, "other_method").failure?.status == .cancelled)
        #expect(try counter.call().text == #"{"current":1}"#)
    }

    @Test("the answer's content type is that of what comes back")
    func contentTypes() throws {
        #expect(
            try call("string", #""x""#).response?.contentType == "text/plain; charset=utf-8")
        #expect(
            try call("bytes", #""AA==""#, "application/json").response?.contentType
                == "application/octet-stream")
        #expect(try call("i64", "5").response?.contentType == "application/json")
        #expect(try call("nothing", "").response?.body.readableBytes == 0)
        #expect(try call("not_utf8", "").text == "caf\u{FFFD}")
    }

    @Test("bytes and texts are taken as they come, unless the content type says JSON")
    func raw() throws {
        let octets = "application/octet-stream"
        #expect(try call("bytes", "[1]\u{0}", octets).bytes == [0x5B, 0x31, 0x5D, 0])
        #expect(try call("bytes", "", octets).bytes == [])
        #expect(try call("reverse", "abc", octets).text == "cba")
        #expect(try call("string", #""quoted""#, "text/plain; charset=utf-8").text == "\"quoted\"")
        #expect(try call("string", #""quoted""#).text == "quoted")
    }

    @Test("a query and a form name the arguments")
    func form() throws {
        let form = "application/x-www-form-urlencoded"
        #expect(try call("divide", "b=2&a=-7", form).text == #"{"quotient":-3,"remainder":-1}"#)
        #expect(try call("string", "x=a+b%26%C3%A9", form).text == "a b&é")
        #expect(try call("i64s", "x=[1,%202]", form).text == "[1,2]")
        #expect(try call("colour", "x=blue", form).text == #""blue""#)
        #expect(
            try call("divide", "a=1&b=x", form).failure?.message
                == "argument b: expected i64, an integer at byte 1, got 'x'")
        #expect(try call("divide", "[7, 2]", form).text == #"{"quotient":3,"remainder":1}"#)
        let metadata = CallMetadata(origin: .http, query: "a=9&b=3", requestID: "test")
        let asked = TestCall("", metadata: metadata)
        #expect(
            try Self.values.get().run(asked, "divide").text == #"{"quotient":3,"remainder":0}"#)
    }

    @Test("self is the replica's instance, and error carries the plugin's words")
    func instance() throws {
        let counter = try LoadedPlugin(fixture: "typed_counter")
        #expect(try counter.call().text == #"{"current":1}"#)
        #expect(try counter.call("other_method", #"{"inc": 5}"#).text == "true")
        let other = try PluginInstance(
            of: counter.generation, replica: 1, backend: "test", userConfig: "null")
        defer { other.destroy() }
        #expect(try counter.call().text == #"{"current":6}"#)
        #expect(try counter.call("divide", "[3]").bytes == [])
        let failure = try counter.call("divide", "[0]").failure
        #expect(failure?.status == .invalidArgument)
        #expect(failure?.message == "2 can't be divided by 0")
        let batch = [TestCall(), TestCall("[1]"), TestCall("{}")]
        try counter.run(batch, "inline")
        #expect(batch.map(\.text) == [#"{"current":2}"#, nil, #"{"current":2}"#])
    }

    @Test(
        "a typed method that can't be used is refused with what to do",
        arguments: [
            (["SIGNATURE=NULL"], "method __call__ is a typed one without a signature: give it one"),
            (["FUNCTION=NULL"], "method __call__ is a typed one without a function: give it one"),
            (
                ["INVOKE=answer"],
                "method __call__ has an invoke and a signature: leave one of them out"
            ),
            (
                ["FLAGS=BACKPLANE_METHOD_ASYNC", "SIGNATURE=\"(i64) -> i64\""],
                "method __call__ is a typed one, finished when its function returns: "
                    + "leave out BACKPLANE_METHOD_ASYNC"
            ),
            (
                ["SIGNATURE=\"() -> string free(fre)\""],
                "method __call__: signature, column 19: the library has no function fre"
            ),
            (
                ["SIGNATURE=\"(out self)\""],
                "method __call__: signature, column 1: a method can't make self: "
                    + "that is what the plugin's create does"
            ),
        ])
    func unusable(_ defines: [String], _ message: String) throws {
        let error = try LoadedPlugin.refusal(
            of: Fixture.library("bad_signature", defines: defines))
        #expect(error.message == message)
    }
}
