import Foundation
import HostConfigurationFiles
import HostPlugins
import HostTypedCalls
import TestSupport
import Testing

@testable import HostInspection

@Suite struct ManifestDraftTests {
    private func draft(_ library: String, header: String?) throws -> String {
        try #require(try LibraryInspection(library, header: header).draft).text
    }

    private func adoption(_ draft: String) throws -> LibraryBinding {
        try #require(try PluginManifest(yaml: draft).adoption)
    }

    private func signature(_ name: String, _ adoption: LibraryBinding) -> String? {
        adoption.methods.first { $0.name == name }?.function.signature.text
    }

    /// The draft with all that is only likely.
    private func uncommented(_ draft: String) -> String {
        var keys: Set<Substring> = []
        return draft.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line in
            guard let match = line.wholeMatch(of: /( *)#(\w+): ('.*)/) else { return String(line) }
            // Of several constructors one can be had.
            return keys.insert(match.2).inserted ? "\(match.1)\(match.2): \(match.3)" : nil
        }.joined(separator: "\n")
    }

    // MARK: The distribution's libraries

    @Test("libm's draft serves what <math.h> declares")
    func libm() throws {
        let draft = try draft("libm.so.6", header: "math.h")
        let adoption = try adoption(draft)
        #expect(adoption.library == "libm.so.6")
        #expect(signature("pow", adoption) == "(x: f64, y: f64) -> f64")
        #expect(signature("ldexp", adoption) == "(x: f64, exponent: i32) -> f64")
        #expect(signature("hypotf", adoption) == "(x: f32, y: f32) -> f32")
        // `double frexp(double x, int *exponent)`: one number comes back, says the manual, and not the type.
        #expect(signature("frexp", adoption) == nil)
        let all = try self.adoption(uncommented(draft))
        #expect(signature("frexp", all) == "(x: f64, exponent: out i32) -> f64")
        #expect(draft.contains("#   powl: x is of the type long double, which JSON has not"))
        #expect(draft.contains("# Exported, and not to be found in math.h:"))
    }

    @Test("zlib's draft serves what <zlib.h> declares")
    func zlib() throws {
        let draft = try draft("libz.so.1", header: "zlib.h")
        let certain = try adoption(draft)
        #expect(signature("zlibVersion", certain) == "() -> string?")
        for name in ["crc32", "compressBound", "zError"] {
            #expect(signature(name, certain) == nil, "\(name)")
        }
        // It looks its argument up in a table.
        #expect(draft.contains("#zError: '(i32) -> string?'  # it is safe with every argument 1"))
        let likely = try adoption(uncommented(draft))
        #expect(signature("compressBound", likely) == "(sourceLen: u64) -> u64")
        #expect(signature("crc32", likely) == "(crc: u64, buf: bytes(u32)) -> u64")
        #expect(
            draft.contains("#   compress2: dest is a buffer, and its type doesn't say how large"))
    }

    @Test("SQLite's draft has a handle")
    func sqlite() throws {
        let draft = try draft("libsqlite3.so.0", header: "sqlite3.h")
        #expect(try adoption(draft).constructor == nil)
        let likely = try adoption(uncommented(draft))
        #expect(likely.constructor?.symbol == "sqlite3_open")
        #expect(
            likely.constructor?.signature.text
                == "(filename: string, out self) -> i32 check(== 0)")
        #expect(likely.destructor?.symbol == "sqlite3_close")
        #expect(signature("sqlite3_changes", likely) == "(self) -> i32")
        #expect(draft.contains("#   sqlite3_exec: callback is a callback"))
    }

    @Test(
        "of the C library nothing is certain that ends, replaces or changes the process",
        arguments: [
            ("stdlib.h", ["exit", "_Exit", "quick_exit", "abort", "system", "realloc", "putenv"]),
            (
                "unistd.h",
                [
                    "_exit", "fork", "vfork", "execv", "pause", "alarm", "close", "dup2", "setuid",
                    "chroot", "chdir", "getpid", "brk",
                ]
            ),
            ("signal.h", ["raise", "kill", "killpg", "sigsuspend", "signal"]),
            ("setjmp.h", ["longjmp", "siglongjmp"]),
            ("pthread.h", ["pthread_exit", "pthread_cancel", "pthread_kill"]),
            ("ctype.h", ["isalpha", "toupper"]),
            ("string.h", ["strerror", "strlen", "strsignal", "memcpy"]),
        ])
    func libc(header: String, names: [String]) throws {
        let draft = try draft("libc.so.6", header: header)
        let certain = try draft.matches(of: Regex("(?m)^  (\\w+): '\\(")).map {
            String($0.output[1].substring ?? "")
        }
        for name in names { #expect(!certain.contains(name), "\(name)") }
        // Of all of these headers little is left.
        #expect(
            certain.allSatisfy { ["abs", "labs", "llabs"].contains($0) }, "\(certain)")
        #expect(!draft.contains("#exit: '") && !draft.contains("#system: '"))
    }

    // MARK: A library with debug information

    @Test("a header and debug information draft the same")
    func same() throws {
        let library = try Fixture.library("unaware")
        let source = Repository.path("Tests/Fixtures/unaware.c")
        let fromHeader = try draft(library, header: source)
        let fromDebugInformation = try draft(library, header: nil)
        #expect(
            fromHeader.split(separator: "\n").dropFirst()
                == fromDebugInformation.split(separator: "\n").dropFirst())
        #expect(fromHeader.hasPrefix("# Drafted by `backplane inspect` from unaware.c: 3 of 31 "))
    }

    @Test("what nobody can call wrongly is drafted, and the types that are named")
    func certain() throws {
        let draft = try draft(Fixture.library("unaware"), header: nil)
        let adoption = try adoption(draft)
        #expect(
            adoption.types == [
                "color: enum {RED = 3, GREEN = 4, BLUE = -1}",
                "point: {x: f64, y: f64, tint: color}",
                "division: {quotient: i32, remainder: i32}",
            ])
        #expect(
            adoption.methods.map { $0.name + $0.function.signature.text } == [
                "blend(from: f64, to: f64, whole: bool) -> f64", "title() -> string?",
                "version() -> i32",
            ])
    }

    @Test("what is likely says what it takes for granted")
    func likely() throws {
        let draft = try draft(Fixture.library("unaware"), header: nil)
        for line in [
            "  #sum: '(values: [f64]) -> f64'  # count is the number of elements at values; "
                + "it is safe with every values, count",
            "  #move: '(at: inout point, by: f64)'  # at is one struct, which is read and written; "
                + "anybody may have it done; it is safe with every at",
            "  #account_deposit: '(self, amount: i64) -> i64'  # it is safe with every amount",
            "  #exit_code: '(after: f64) -> f64'  # it ends nothing",
            "  #account_count: '() -> i32'  # it can be called at any time",
            "  #color_name: '(tint: color) -> string?'  # it is safe with every tint",
            "  #divide: '(dividend: i32, divisor: i32) -> division'  "
                + "# it is safe with every dividend, divisor",
            "#destructor: 'account_close(self)'",
            "#constructor: 'account_open(owner: string, balance: i64, out self) -> i32 check(== 0)'"
                + "  # account is where the new account is put; 0 is success",
        ] { #expect(draft.contains("\n\(line)\n"), "\(line)") }
        let adoption = try adoption(uncommented(draft))
        #expect(adoption.constructor?.symbol == "account_open")
        #expect(adoption.methods.count == 18)
    }

    @Test(
        "what no signature says is named with the reason",
        arguments: [
            "account_split: takes one handle and makes another",
            "add_all: takes a varying number of arguments", "each: function is a callback",
            "either_number: value is a union (union either)",
            "fill: target is a buffer, and its type doesn't say how large: see out(...) bytes",
            "first: v of vector holds an array", "give_up: does not return",
            "leave: does not return", "is_loud: flags is a flags, and it has bit fields",
            "longest: value is of the type long double, which JSON has not",
            "packed_value: packed is a packed, and its layout is not C's own",
        ])
    func impossible(line: String) throws {
        #expect(try draft(Fixture.library("unaware"), header: nil).contains("\n#   \(line)"))
    }

    @Test("without a header and debug information there is nothing to draft from")
    func nothing() throws {
        #expect(try LibraryInspection("libz.so.1", header: nil).draft == nil)
    }
}
