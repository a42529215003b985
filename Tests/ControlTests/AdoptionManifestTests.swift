import Foundation
import HostPlugins
import HostTypedCalls
import TestSupport
import Testing

@testable import HostConfigurationFiles
@testable import HostDeployment
@testable import HostForms
@testable import HostRouting
@testable import HostState

/// Manifests that adopt a library: what they may say, and where an error is.
@Suite struct AdoptionManifestTests {
    private func adoption(_ yaml: String) throws -> LibraryBinding {
        try #require(try PluginManifest(yaml: yaml).adoption)
    }

    private func message(_ yaml: String) -> String {
        do {
            _ = try PluginManifest(yaml: yaml, file: "m.yaml")
            return "accepted"
        } catch {
            return error.description
        }
    }

    // MARK: What it says

    @Test("a library and its functions are all that it takes")
    func least() throws {
        let adoption = try adoption(
            """
            library: libm.so.6
            methods:
              pow: (base: f64, exponent: f64) -> f64
              root: sqrt(f64) -> f64
            """)
        #expect(adoption.library == "libm.so.6")
        #expect(!adoption.isReentrant)
        #expect(adoption.methods.map(\.name) == ["pow", "root"])
        #expect(adoption.methods.map(\.function.symbol) == ["pow", "sqrt"])
        #expect(
            adoption.methods.map(\.function.signature.text)
                == ["(base: f64, exponent: f64) -> f64", "(f64) -> f64"])
        #expect(adoption.constructor == nil && adoption.destructor == nil)
    }

    @Test("every key sets what it names, whatever the order")
    func keys() throws {
        let adoption = try adoption(
            """
            methods:
              at: {signature: "point_at(self, color: Color) -> Point", description: Where., inline: true}
              grow: {signature: "points_grow(self)", reentrant: false, idempotent: true}
            destructor: points_free(self)
            constructor: points_new(count: size) -> self
            types:
              Color: enum {red = 3, green}
              Point: {x: f64, y: f64, color: Color}
            reentrant: true
            library: ./libpoints.so
            num_replicas: 2
            """)
        #expect(adoption.library == "./libpoints.so")
        #expect(adoption.isReentrant)
        #expect(adoption.constructor?.symbol == "points_new")
        #expect(adoption.destructor?.symbol == "points_free")
        #expect(
            adoption.types
                == ["Color: enum {red = 3, green}", "Point: {x: f64, y: f64, color: Color}"])
        let method = try #require(adoption.methods.first)
        #expect(method.description == "Where.")
        #expect(method.isInline)
        #expect(method.isReentrant == nil && !method.isIdempotent)
        let other = try #require(adoption.methods.last)
        #expect(other.isReentrant == false && other.isIdempotent && !other.isInline)
        #expect(method.function.symbol == "point_at")
        #expect(method.function.signature.inputs.map(\.name) == ["color"])
    }

    @Test(
        "a signature is read the same with quotes and without",
        arguments: [
            "pow: (base: f64, exponent: f64) -> f64",
            "pow: '(base: f64, exponent: f64) -> f64'",
            #"pow: "(base: f64, exponent: f64) -> f64""#,
            "pow: (base: f64, exponent: f64) -> f64  # with a remark",
            "pow: (base: f64,\n    exponent: f64)\n    -> f64",
            "pow:\n    (base: f64,\n    exponent: f64) -> f64",
            "pow: # how much\n    (base: f64, exponent: f64) -> f64",
            "pow: >-\n    (base: f64,\n    exponent: f64) -> f64",
            "pow:   (base: f64, exponent: f64) -> f64   ",
        ])
    func quotes(line: String) throws {
        let adoption = try adoption("library: libm.so.6\nmethods:\n  \(line)\n")
        let method = try #require(adoption.methods.first)
        #expect(method.name == "pow")
        #expect(
            method.function.signature.text.split(separator: " ").joined(separator: " ")
                == "(base: f64, exponent: f64) -> f64")
    }

    @Test("quotes are put around signatures, and nothing else")
    func untouched() throws {
        let yaml = """
            user_config:
              note: |
                methods: (none: at all)
              text: "it's (a: b)"
            library: libm.so.6
            methods:
              # pow: (base: f64
              f: (t: string = "it's # no: remark") -> f64 # it's one
              g: {signature: '(f64) -> f64'}

              h: |
                (a: f64) -> f64
            num_replicas: 2
            """
        let manifest = try PluginManifest(yaml: yaml)
        #expect(manifest.options.userConfig?.text.contains("methods: (none: at all)") == true)
        #expect(
            manifest.adoption?.methods.first?.function.signature.text
                == #"(t: string = "it's # no: remark") -> f64"#)
        #expect(manifest.adoption?.methods.map(\.name) == ["f", "g", "h"])
    }

    @Test("two manifests that offer the same are the same, wherever it stands")
    func equality() throws {
        let one = try adoption("library: libm.so.6\nmethods: {f: '(f64) -> f64'}")
        #expect(try one == adoption("\n\nlibrary: libm.so.6\nmethods:\n  f: (f64) -> f64"))
        #expect(try one != adoption("library: libm.so.6\nmethods: {f: '(f64) -> f32'}"))
        let types = "library: l.so\nmethods: {f: '(T)'}\ntypes: {T: "
        #expect(try adoption("\(types)'{a: i8}'}") != adoption("\(types)'{a: u8}'}"))
    }

    // MARK: Errors

    @Test(
        "an error in a signature has its line and column",
        arguments: [
            (
                "library: libm.so.6\nmethods:\n  pow: (base: f64, exponent: f65) -> f64",
                "m.yaml:3:30: methods.pow: there is no type f65"
            ),
            (
                "library: libm.so.6\nmethods:\n  pow: '(base: f64, exponent: f65) -> f64'",
                "m.yaml:3:31: methods.pow: there is no type f65"
            ),
            (
                "library: libm.so.6\nmethods:\n  pow: (base: f64,\n    exponent: f65)",
                "m.yaml:4:15: methods.pow: there is no type f65"
            ),
            (
                "library: libm.so.6\nmethods:\n  pow: >\n    (base: f64,\n    exponent: f65)",
                "m.yaml:5:15: methods.pow: there is no type f65"
            ),
            (
                "library: libm.so.6\nmethods:\n  power: pow(base: f65)",
                "m.yaml:3:20: methods.power: there is no type f65"
            ),
            (
                "library: l.so\nmethods:\n  f: {signature: \"(a: string = \\\"x\\\", b: no)\"}",
                "m.yaml:3:42: methods.f.signature: there is no type no"
            ),
            (
                "library: l.so\nmethods: {f: '(a: T)'}\ntypes:\n  T: {x: f64, y: f65}",
                "m.yaml:4:18: types.T: there is no type f65"
            ),
            (
                "library: l.so\nmethods: {f: '()'}\ntypes: {self: '{x: f64}'}",
                "m.yaml:3:9: self is a type already"
            ),
            (
                "library: l.so\nmethods:\n  f: (f64) -> f64 x",
                "m.yaml:3:19: methods.f: expected the end of the signature, found x"
            ),
        ])
    func places(yaml: String, beginning: String) {
        #expect(message(yaml).hasPrefix(beginning), "\(message(yaml))")
    }

    @Test(
        "what can't be is told with what to do",
        arguments: [
            ("library: l.so", "m.yaml:1:10: methods is missing"),
            ("methods: {f: '()'}", "m.yaml:1:11: methods is for a library that knows nothing of"),
            ("reentrant: true", "m.yaml: reentrant is for a library that knows nothing of"),
            (
                "library: l.so\nmethods: {}",
                "m.yaml:2:10: methods is a mapping: it must be a mapping, such as"
            ),
            (
                "library: l.so\nmethods:",
                "m.yaml:2:9: methods is empty: it must be a mapping, such as"
            ),
            (
                "library: l.so\nmethods: {f: 3}",
                "m.yaml:2:15: methods.f: expected '(' to begin the parameters"
            ),
            (
                "library: [l.so]\nmethods: {f: '()'}",
                "m.yaml:1:10: library is a list: it must be a library"
            ),
            (
                "library: l.so\nmethods: {f: '(self)'}",
                "m.yaml:2:14: methods.f takes self, and there is no constructor"
            ),
            (
                "library: l.so\nconstructor: f()\nmethods: {f: '()'}",
                "m.yaml:2:14: constructor makes no self: give it out self, or the result self"
            ),
            (
                "library: l.so\nconstructor: '() -> self'\nmethods: {f: '()'}",
                "m.yaml:2:14: constructor has no function: write its name in front of the"
            ),
            (
                "library: l.so\ndestructor: f(self)\nmethods: {f: '()'}",
                "m.yaml:2:13: destructor has nothing to free: there is no constructor"
            ),
            (
                "library: l.so\nconstructor: f() -> self\ndestructor: g(self, a: i32)\nmethods: {f: '()'}",
                "m.yaml:3:13: destructor frees no self: its only argument is self"
            ),
            (
                "library: l.so\nmethods: {f: '() -> self'}",
                "m.yaml:2:14: methods.f makes a self: only a constructor does"
            ),
            (
                "library: l.so\nmethods: {f: '(error)'}",
                "m.yaml:2:14: methods.f takes error, which only plugins fill in"
            ),
            (
                "library: l.so\nmethods: {f: '() -> status'}",
                "m.yaml:2:14: methods.f returns status, which only plugins do"
            ),
            (
                "library: l.so\nmethods: {f: {signature: '()', inlin: true}}",
                "m.yaml:2:32: methods.f has no key inlin; did you mean inline?"
            ),
        ])
    func refused(yaml: String, beginning: String) {
        #expect(message(yaml).hasPrefix(beginning), "\(message(yaml))")
    }

    @Test(
        "a random change to a manifest is read or refused, with a place in it",
        arguments: 0..<UInt64(500))
    func fuzz(seed: UInt64) throws {
        let yaml = """
            library: libsqlite3.so.0
            constructor: sqlite3_open(filename: string, out self) -> i32 check(== 0)
            types:
              Point: {x: f64, y: f64}
            methods:
              exec: sqlite3_exec(self, sql: string,
                pointer = null, error string) -> i32  # it's
              at: '(p: Point, data: bytes(u32)) -> f64'
              last: >
                (a: f64)
            """
        var random = SeededGenerator(seed: seed)
        var scalars = Array(yaml.unicodeScalars)
        let signs = Array("(){}[]:,'\"#>|- \n\r\t=abc\u{e9}\u{1F600}".unicodeScalars)
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let index = Int.random(in: 0..<scalars.count, using: &random)
            switch Int.random(in: 0..<3, using: &random) {
            case 0: scalars[index] = signs.randomElement(using: &random)!
            case 1: scalars.insert(signs.randomElement(using: &random)!, at: index)
            default: scalars.remove(at: index)
            }
        }
        let text = String(String.UnicodeScalarView(scalars))
        do {
            _ = try PluginManifest(yaml: text)
        } catch {
            #expect(!error.description.isEmpty && error.part == nil)
            if let position = error.position {
                #expect(
                    position.line >= 1
                        && position.line <= scalars.count { $0 == "\n" || $0 == "\r" } + 2)
                #expect(position.column >= 1)
            }
        }
    }
}
