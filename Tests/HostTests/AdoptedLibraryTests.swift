import Foundation
import HostDeployment
import TestSupport
import Testing

/// Libraries of the distribution, which know nothing of Backplane, served from a manifest alone.
@Suite("Adopted libraries", .serialized)
struct AdoptedLibraryTests {
    private static let libm = """
        library: libm.so.6
        methods:
          pow: (base: f64, exponent: f64) -> f64
          frexp: (x: f64, exponent: out i32) -> f64
          __call__: sqrt(f64) -> f64

        """

    // MARK: libm

    @Test("curl gets 1024 from libm")
    func curl() async throws {
        let host = try await HostProcess()
        try Self.libm.write(
            toFile: host.path(of: "libm.yaml"), atomically: true, encoding: .utf8)
        try await host.wait(for: "libm") { $0.state == .serving }
        let result = try await Program.run(
            "curl",
            [
                "-sS", "-d", "[2, 10]", "-H", "X-SERVE-CALL-METHOD: pow",
                "localhost:\(host.port)/libm",
            ])
        #expect(result.output == "1024", "\(result.errors)")
    }

    @Test("libm takes its arguments in each form, and answers what C does")
    func libm() async throws {
        try await TestHost.run(manifests: ["libm": Self.libm]) { host in
            let json = ["content-type": "application/json"]
            let form = ["content-type": "application/x-www-form-urlencoded"]
            for (body, headers) in [
                ("[2, 10]", json), (#"{"exponent": 10, "base": 2}"#, json),
                ("base=2&exponent=10", form), (" [2e0 , 1E1] ", [:]),
            ] {
                let answer = try await host.http.call("libm", "pow", body, headers: headers)
                #expect(answer.text == "1024", "\(body)")
                #expect(answer.headers["content-type"] == "application/json")
            }
            let query = try await host.http.send(
                "GET", "/libm?base=2&exponent=-1", headers: ["X-SERVE-CALL-METHOD": "pow"])
            #expect(query.text == "0.5")
            #expect(
                try await host.http.call("libm", "frexp", "8").text
                    == #"{"result":0.5,"exponent":4}"#)
            #expect(try await host.http.call("libm", nil, "9").text == "3")
            // The shortest number that reads back as the same.
            #expect(
                try await host.http.call("libm", "pow", "[2, 0.5]").text == "\(2.0.squareRoot())")
        }
    }

    @Test(
        "bad input is answered 400 with the argument, what was expected and what came",
        arguments: [
            ("[2]", "argument exponent: missing: expected 2 arguments (base, exponent)"),
            ("[2, 3, 4]", "2 arguments"), (#"[2, "3"]"#, "argument exponent: expected f64"),
            (#"{"base": 2, "power": 3}"#, "power"), ("[2, 10", "expected"), ("", "2 arguments"),
            ("[1e999, 1]", "argument base"), (#"{"base": 2, "base": 2, "exponent": 1}"#, "base"),
        ])
    func badInput(body: String, detail: String) async throws {
        try await TestHost.run(manifests: ["libm": Self.libm]) { host in
            let answer = try await host.http.call("libm", "pow", body)
            #expect(answer.status == 400)
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(answer.text.contains(detail.replacing("\"", with: "\\\"")), "\(answer.text)")
        }
    }

    // MARK: zlib

    @Test("zlib's checksum and its compression, into a buffer that the host makes")
    func zlib() async throws {
        let manifest = """
            library: libz.so.1
            methods:
              crc32: (crc: u64 = 0, data: bytes(u32)) -> u64
              compress2: >
                (target: out(compressBound(count(source))) *bytes count(size), size: inout u64 = capacity(target),
                source: bytes(u64), level: i32) -> i32 check(== 0)
              uncompress:
                (target: out(100000) *bytes count(size), size: inout u64 = capacity(target), source: bytes(u64))
                -> i32 check(== 0, INVALID_ARGUMENT)
            """
        try await TestHost.run(manifests: ["zlib": manifest]) { host in
            let raw = [
                "content-type": "application/octet-stream", "X-SERVE-CALL-METHOD": "crc32",
            ]
            let check = try await host.http.send("POST", "/zlib", headers: raw, body: "123456789")
            // The check value of CRC-32, as every catalogue of them has it.
            #expect(check.text == "\(0xCBF4_3926)")

            let text = String(repeating: "to be or not to be, ", count: 1_000)
            let source = Data(text.utf8).base64EncodedString()
            let packed = try await host.http.call(
                "zlib", "compress2", #"{"source": "\#(source)", "level": 9}"#)
            #expect(packed.headers["content-type"] == "application/octet-stream")
            #expect(packed.body.count < 200)
            let unpacked = try await host.http.send(
                "POST", "/zlib",
                headers: [
                    "content-type": "application/octet-stream",
                    "X-SERVE-CALL-METHOD": "uncompress",
                ], bytes: packed.body)
            #expect(unpacked.text == text)
            let broken = try await host.http.send(
                "POST", "/zlib",
                headers: [
                    "content-type": "application/octet-stream",
                    "X-SERVE-CALL-METHOD": "uncompress",
                ], bytes: [1, 2, 3])
            #expect(broken.status == 400)
            #expect(broken.text.contains("uncompress() returned -3"), "\(broken.text)")
        }
    }

    // MARK: SQLite

    private static func sqlite(_ file: String) -> String {
        """
        library: libsqlite3.so.0
        constructor: sqlite3_open(filename: string, out self) -> i32 check(== 0)
        destructor: sqlite3_close(self) -> i32 check(== 0)
        user_config: {filename: "\(file)"}
        methods:
          exec:
            sqlite3_exec(self, sql: string, pointer = null, pointer = null, error string free(sqlite3_free))
            -> i32 check(== 0, INVALID_ARGUMENT)
          changes: sqlite3_changes(self) -> i32
          total: sqlite3_total_changes(self) -> i32

        """
    }

    @Test("a replica opens an SQLite database, works in it, and closes it")
    func sqlite() async throws {
        let directory = try TemporaryDirectory()
        let manifest = Self.sqlite(directory.file("test.db"))
        try await TestHost.run(manifests: ["db": manifest]) { host in
            let create = try await host.http.call(
                "db", "exec",
                "\"pragma locking_mode = exclusive; create table t (a); insert into t values (1), (2)\""
            )
            #expect(create.status == 200)
            #expect(create.body.isEmpty)
            #expect(try await host.http.call("db", "changes").text == "2")

            let wrong = try await host.http.call("db", "exec", #""insert into u values (1)""#)
            #expect(wrong.status == 400)
            #expect(
                wrong.text.contains("sqlite3_exec() returned 1: no such table: u"), "\(wrong.text)")

            // It holds the file's lock; without the close the next one would not get it.
            try FileManager.default.removeItem(atPath: "\(host.pluginsDirectory)/db.yaml")
            try await host.waitUntilForgotten("db")
            try host.writeManifest("again", manifest)
            _ = try await host.wait(for: "again") { $0.state == .serving }
            let update = try await host.http.call("again", "exec", #""update t set a = 3""#)
            #expect(update.status == 200, "\(update.text)")
            #expect(try await host.http.call("again", "changes").text == "2")
        }
    }

    @Test("a constructor that fails is a reason not to serve, in its own words")
    func constructorFails() async throws {
        try await TestHost.run(manifests: ["db": Self.sqlite("/nowhere/test.db")]) { host in
            let status = try await host.wait(for: "db") { $0.state != .loading }
            #expect(status.state == .failed)
            #expect(
                status.reason?.contains(
                    "the constructor sqlite3_open() failed: sqlite3_open() returned 14") == true,
                "\(status.reason ?? "")")
            try host.writeManifest("db", Self.sqlite(":memory:"))
            _ = try await host.wait(for: "db") { $0.state == .serving }
        }
    }

    // MARK: BLAS

    @Test("a BLAS computes on JSON arrays")
    func blas() async throws {
        let manifest = """
            library: libblas.so.3
            types:
              Order: enum {row_major = 101, column_major = 102}
              Transpose: enum {none = 111, transposed = 112}
            methods:
              dot:
                cblas_ddot(n: i32 = count(x) == count(y), x: *[f64], stepX: i32 = 1, y: *[f64], stepY: i32 = 1)
                -> f64
              gemv: >
                cblas_dgemv(order: Order = row_major, transpose: Transpose = none,
                rows: i32 = rows(a), columns: i32 = columns(a) == count(x), alpha: f64, a: *[[f64]],
                lda: i32 = columns(a), x: *[f64], stepX: i32 = 1, beta: f64 = 0,
                y: out(rows(a)) *[f64], stepY: i32 = 1)
            """
        try await TestHost.run(manifests: ["blas": manifest]) { host in
            #expect(
                try await host.http.call("blas", "dot", "[[1, 2, 3], [4, 5, 6]]").text == "32")
            #expect(try await host.http.call("blas", "dot", "[[], []]").text == "0")
            let answer = try await host.http.call(
                "blas", "gemv", #"{"alpha": 2, "a": [[1, 2], [3, 4], [5, 6]], "x": [10, 100]}"#)
            #expect(answer.text == "[420,860,1300]", "\(answer.text)")
            for (method, body, detail) in [
                ("dot", "[[1, 2], [3]]", "count(x) is 2 and count(y) is 1: they must be the same"),
                ("gemv", #"[1, [[1, 2], [3]], [1, 2]]"#, "argument a[1]: expected 2 elements"),
                ("gemv", #"[1, [[1, 2]], [1]]"#, "columns(a) is 2 and count(x) is 1"),
            ] {
                let refusal = try await host.http.call("blas", method, body)
                #expect(refusal.status == 400)
                #expect(refusal.text.contains(detail), "\(refusal.text)")
            }
        }
    }
}
