import HostTypedCalls
import NIOCore
import Testing

/// Functions of libraries that every system has.
@Suite struct SystemLibraryTests {
    @Test("libm's pow takes its arguments in every form")
    func pow() throws {
        let pow = try SystemLibrary("libm.so.6").function(
            "pow", "(base: f64, exponent: f64) -> f64")
        #expect(pow.answer("[2, 10]") == "1024")
        #expect(pow.answer(#"{"exponent": 10, "base": 2}"#) == "1024")
        #expect(
            pow.answer("base=2&exponent=10", contentType: "application/x-www-form-urlencoded")
                == "1024")
        #expect(pow.answer("[2, 10]", contentType: "application/x-www-form-urlencoded") == "1024")
        #expect(pow.answer("", query: "base=2&exponent=-1") == "0.5")
        #expect(
            pow.answer("[2]")
                == "3 argument exponent: missing: expected 2 arguments (base, exponent)")
        #expect(pow.answer("[2,3,4]") == "3 expected 2 arguments (base, exponent), got more")
        #expect(
            pow.answer("5")
                == "3 expected an array or an object with 2 arguments (base, exponent), got 5")
        #expect(
            pow.answer(#"[2, "x"]"#)
                == #"3 argument exponent: expected f64, a number, got the string "x""#)
        #expect(
            pow.answer("[1e300, 2]") == "11 the function returned inf, which JSON can't express")
    }

    @Test("zlib's crc32 and compress2")
    func zlib() throws {
        let zlib = try SystemLibrary("libz.so.1")
        let crc = try zlib.function("crc32", "(crc: u64 = 0, data: bytes(u32)) -> u64")
        #expect(crc.answer("123456789", contentType: "application/octet-stream") == "3421780262")
        #expect(crc.answer(#""MTIzNDU2Nzg5""#) == "3421780262")
        let compress = try zlib.function(
            "compress2",
            "(dest: out(compressBound(count(source))) *bytes count(size), size: inout u64 = capacity(dest), "
                + "source: bytes(u64), level: i32) -> i32 check(0)")
        let packed = compress.answer(
            #"{"source":"YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFh","level":9}"#)
        #expect(packed.utf8.count > 0)
        #expect(compress.answer(#"["YWFh", 99]"#) == "2 compress2() returned -2")
    }

    @Test("SQLite as an instance") func sqlite() throws {
        let sqlite = try SystemLibrary("libsqlite3.so.0")
        let open = try sqlite.function(
            "sqlite3_open", "(filename: string, db: out self) -> i32 check(0)")
        let close = try sqlite.function("sqlite3_close", "(self) -> i32 check(0)")
        let exec = try sqlite.function(
            "sqlite3_exec",
            "(self, sql: string, callback: pointer = null, context: pointer = null, message: error string free(sqlite3_free)) -> i32 check(0)"
        )
        let db = try open.makeInstance(body: .init(string: #"":memory:""#)).get()
        #expect(exec.answer(#""create table t(x)""#, instance: db) == "")
        #expect(
            exec.answer("insert into u values(1)", contentType: "text/plain", instance: db)
                == "2 sqlite3_exec() returned 1: no such table: u")
        #expect(close.answer("", instance: db) == "")
    }
}
