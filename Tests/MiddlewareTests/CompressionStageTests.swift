import HostCore
import HostState
import NIOCore
import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct CompressionStageTests {
    static let text = String(repeating: "a body that is worth it. ", count: 100)

    // MARK: What is chosen

    /// RFC 9110, section 12.5.3.
    @Test(
        "the coding that a client prefers is chosen",
        arguments: [
            (["gzip"], "gzip"), (["x-gzip"], "gzip"), (["GZIP"], "gzip"), (["deflate"], "deflate"),
            (["deflate, gzip"], "gzip"), (["gzip;q=0.5, deflate;q=0.6"], "deflate"),
            (["gzip;q=0.5,deflate;q=0.500"], "gzip"), (["gzip ; q=0.1 , identity;q=0.05"], "gzip"),
            (["*"], "gzip"), (["*;q=0.1"], "gzip"), (["gzip;q=0, *"], "deflate"),
            (["br, *;q=0.2"], "gzip"), (["br", "gzip"], "gzip"), (["br"], nil), ([""], nil),
            ([], nil), (["identity"], nil), (["gzip;q=0"], nil), (["gzip;q=0.5, identity"], nil),
            (["gzip;q=0.001, identity;q=0"], "gzip"), (["gzip;q=1.000"], "gzip"),
            // Not well-formed: as if it were not there.
            (["gzip;q=2"], nil), (["gzip;q=1.5"], nil), (["gzip;q="], nil), (["gzip;q=x"], nil),
            (["gzip;q=0.0001"], nil), (["gzip;level=9"], nil), ([";;;,,,=;q=1"], nil),
            (["gzip;q=-1, deflate"], "deflate"),
        ] as [([String], String?)])
    func coding(_ fields: [String], _ expected: String?) async throws {
        let stage = try StageTrial("[compression]")
        let request = Request.make("GET", with: fields.map { ("Accept-Encoding", $0) })
        let answer = await stage.answer(to: request, body: Self.text)
        #expect(answer["content-encoding"] == expected)
        #expect(answer["vary"] == "accept-encoding")
        if expected == nil {
            #expect(String(buffer: answer.body) == Self.text)
        } else {
            let unpacked = try #require(Zlib.unpack(answer.body))
            #expect(unpacked == (Self.text, true))
            #expect(answer.body.readableBytes < Self.text.utf8.count / 4)
            let isGzip = answer.body.getBytes(at: answer.body.readerIndex, length: 2) == [31, 139]
            #expect(isGzip == (expected == "gzip"))
        }
    }

    @Test(
        "a client that takes nothing that could be sent is answered 406",
        arguments: [
            ("identity;q=0", 406), ("*;q=0", 406), ("gzip;q=0, deflate;q=0, identity;q=0", 406),
            // The plugin may have it.
            ("br, identity;q=0", 200), ("br, *;q=0", 200),
        ])
    func nothingAcceptable(_ field: String, _ status: Int) async throws {
        let stage = try StageTrial("[compression]")
        let answer = await stage.answer(to: .make("GET", with: [("accept-encoding", field)]))
        #expect(answer.status == status)
    }

    @Test("a client that refuses bodies without a coding gets even small ones packed")
    func identityRefused() async throws {
        let stage = try StageTrial("[compression]")
        let request = Request.make(
            "GET", with: [("accept-encoding", "gzip, identity;q=0")])
        let answer = await stage.answer(to: request, body: "x", contentType: "image/png")
        #expect(answer["content-encoding"] == "gzip")
        #expect(Zlib.unpack(answer.body)?.text == "x")
    }

    struct Left: Sendable, CustomTestStringConvertible {
        var why: String
        var method = "GET"
        var status = 200
        var contentType = "application/json"
        var headers: [(name: String, value: String)] = []
        var body = CompressionStageTests.text
        var origin = CallMetadata.Origin.http
        var vary: String?

        var testDescription: String { why }
    }

    @Test(
        "an answer is left as it is",
        arguments: [
            Left(why: "no body", status: 204, body: ""),
            Left(why: "not modified", status: 304, body: ""),
            Left(why: "a part", status: 206),
            Left(why: "small", body: String(repeating: "a", count: 1023)),
            Left(why: "an image", contentType: "image/png"),
            Left(why: "no content type", contentType: ""),
            Left(why: "packed by the plugin", headers: [("Content-Encoding", "br")]),
            Left(why: "no-transform", headers: [("cache-control", "private, No-Transform")]),
            Left(why: "a range", headers: [("Content-Range", "bytes 0-9/10")]),
            Left(why: "a digest", headers: [("Content-Digest", "sha-256=:x:")]),
            Left(why: "a handle's call", origin: .handle),
        ])
    func leftAlone(_ left: Left) async throws {
        let stage = try StageTrial("[compression]")
        let request = Request.make(
            left.method, with: [("accept-encoding", "gzip")], origin: left.origin)
        let answer = await stage.answer(to: request) { _, sink in
            sink.receive(
                .success(
                    CallResponse(
                        status: left.status, body: ByteBuffer(string: left.body),
                        contentType: left.contentType, headers: left.headers)))
        }
        #expect(String(buffer: answer.body) == left.body)
        #expect(answer["vary"] == left.vary)
        #expect(answer.headers.count == left.headers.count + (left.vary == nil ? 0 : 1))
    }

    @Test(
        "what is text is packed",
        arguments: [
            "text/plain", "text/html; charset=utf-8", "Text/CSV", "application/json",
            "application/problem+json ; a=b", "image/svg+xml", "application/x-ndjson",
        ])
    func types(_ contentType: String) async throws {
        let answer = try await StageTrial("[compression]").answer(
            to: .make("GET", with: [("accept-encoding", "deflate")]), body: Self.text,
            contentType: contentType)
        #expect(answer["content-encoding"] == "deflate")
    }

    @Test("the answer to HEAD has the head of that to GET, its length among it", arguments: [0, 9])
    func head(parts: Int) async throws {
        let stage = try StageTrial("[compression]")
        var heads: [[String]] = []
        var sizes: [Int] = []
        for method in ["GET", "HEAD"] {
            let request = Request.make(method, with: [("accept-encoding", "gzip")])
            let answer = await stage.answer(to: request) { _, sink in
                let response = CallResponse(
                    body: ByteBuffer(string: Self.text), contentType: "text/plain",
                    headers: [("etag", "\"1\""), ("accept-ranges", "bytes")])
                for _ in 0..<parts { _ = sink.receive(part: response) }
                sink.receive(.success(response))
            }
            heads.append(answer.headers.map { "\($0.name): \($0.value)" })
            sizes.append(answer.body.readableBytes)
        }
        #expect(heads[0] == heads[1] && heads[0].contains("content-encoding: gzip"))
        #expect(sizes[0] == sizes[1])
    }

    @Test("a strong entity tag becomes weak, ranges are no longer announced, Vary is kept")
    func headers() async throws {
        let stage = try StageTrial("[compression: {min_size: 1}]")
        let answer = await stage.answer(
            to: .make("GET", with: [("accept-encoding", "gzip")]),
            headers: [("ETag", "\"1\""), ("Accept-Ranges", "bytes"), ("Vary", "origin")])
        #expect(answer["etag"] == "W/\"1\"")
        #expect(answer["accept-ranges"] == nil)
        #expect(answer["vary"] == "origin, accept-encoding")
        let weak = await stage.answer(
            to: .make("GET", with: [("accept-encoding", "gzip")]),
            headers: [("etag", "W/\"1\""), ("vary", "Accept-Encoding")])
        #expect(weak["etag"] == "W/\"1\"")
        #expect(weak["vary"] == "Accept-Encoding")
    }

    @Test("an error keeps its form")
    func errors() async throws {
        let answer = try await StageTrial("[compression]").answer(
            to: .make("GET", with: [("accept-encoding", "gzip")])
        ) { _, sink in sink.receive(.failure(DispatchError(.unavailable, "no replica"))) }
        #expect(answer.status == 503)
        #expect(answer.headers.isEmpty)
    }

    @Test(
        "each piece of a streamed answer can be unpacked when it comes",
        arguments: ["gzip", "deflate"])
    func streams(_ coding: String) async throws {
        let stage = try StageTrial("[compression]")
        let pieces = ["", "one ", "", "two ", String(repeating: "three ", count: 10_000)]
        let answer = await stage.answer(to: .make("GET", with: [("accept-encoding", coding)])) {
            _, sink in
            for piece in pieces {
                #expect(
                    sink.receive(
                        part: CallResponse(
                            body: ByteBuffer(string: piece), contentType: "text/plain")))
            }
            sink.receive(.success(CallResponse(body: ByteBuffer(), contentType: "")))
        }
        #expect(answer["content-encoding"] == coding)
        var (soFar, expected) = (ByteBuffer(), "")
        for (part, piece) in zip(answer.parts, pieces) {
            soFar.writeImmutableBuffer(part.body)
            expected += piece
            // The piece that was empty stays so: it must not end a chunked message, nor begin the coding.
            if piece.isEmpty { #expect(part.body.readableBytes == 0) }
            guard soFar.readableBytes > 0 else { continue }
            #expect(try #require(Zlib.unpack(soFar)) == (expected, false))
        }
        #expect(try #require(Zlib.unpack(answer.body)) == (pieces.joined(), true))
    }

    // MARK: Requests

    private static func request(
        _ body: ByteBuffer, _ coding: String, incoming: IncomingBody? = nil
    ) -> Request {
        var request = Request.make(
            "POST",
            with: [
                ("Content-Encoding", coding), ("Content-Length", "\(body.readableBytes)"),
                ("A", "b"),
            ],
            incoming: incoming)
        if incoming == nil { request.body = body }
        return request
    }

    /// What the plugin gets, or the refusal.
    private static func unpacked(
        _ body: ByteBuffer, _ coding: String, _ yaml: String = "[compression]",
        incoming: IncomingBody? = nil
    ) async throws -> (status: Int, body: String, headers: [(String, String)]) {
        let request = Self.request(body, coding, incoming: incoming)
        let answer = try await StageTrial(yaml).answer(to: request) { request, sink in
            sink.receive(
                .success(
                    CallResponse(
                        body: request.body!, contentType: "",
                        headers: request.headers.lowercased)))
        }
        return (
            answer.status,
            answer.status == 200 ? String(buffer: answer.body) : answer.message,
            answer.headers.map { ($0.name, $0.value) }
        )
    }

    @Test(
        "a packed body comes to the plugin unpacked",
        arguments: [
            ("gzip", Zlib.Wrapper.gzip), ("X-GZip", .gzip), ("deflate", .zlib),
            ("identity, gzip", .gzip),
        ])
    func requests(_ coding: String, _ wrapper: Zlib.Wrapper) async throws {
        let body = Zlib.pack(Array(Self.text.utf8), as: wrapper)
        let answer = try await Self.unpacked(body, coding)
        #expect(answer.status == 200)
        #expect(answer.body == Self.text)
        #expect(answer.headers.map(\.0) == ["a", "content-length"])
        #expect(answer.headers.map(\.1) == ["b", "\(Self.text.utf8.count)"])
    }

    @Test("a body that is still arriving is waited for; one without a coding is not")
    func arriving() async throws {
        let incoming = IncomingBody(limit: 1 << 20) {}
        let packed = Zlib.pack(Array("late".utf8), as: .gzip)
        async let answer = Self.unpacked(packed, "gzip", incoming: incoming)
        incoming.end(.success(packed))
        #expect(try await answer.body == "late")

        let never = IncomingBody(limit: 1 << 20) { Issue.record("the body was asked for") }
        let plain = try await StageTrial("[compression]").answer(
            to: .make(incoming: never))
        #expect(plain.status == 200)
    }

    @Test("several members of gzip are one body")
    func members() async throws {
        var body = Zlib.pack(Array("one ".utf8), as: .gzip)
        body.writeImmutableBuffer(Zlib.pack([], as: .gzip))
        body.writeImmutableBuffer(Zlib.pack(Array("two".utf8), as: .gzip))
        #expect(try await Self.unpacked(body, "gzip").body == "one two")
    }

    @Test("a body without bytes needs no coding")
    func empty() async throws {
        let answer = try await Self.unpacked(ByteBuffer(), "gzip")
        #expect(answer.status == 200)
        #expect(answer.headers.map(\.0) == ["a", "content-length"])
    }

    @Test("a body that is not what it says is answered 400")
    func malformed() async throws {
        let whole = Array(Zlib.pack(Array(Self.text.utf8), as: .gzip).readableBytesView)
        var spoilt = whole
        spoilt[whole.count - 5] ^= 1
        var bodies = (1..<whole.count).map { Array(whole.prefix($0)) }
        bodies += [spoilt, whole + [0], whole + [31, 139], Array("hello".utf8)]
        for body in bodies {
            let answer = try await Self.unpacked(ByteBuffer(bytes: body), "gzip")
            #expect(answer.status == 400, "\(body.count) bytes")
        }
        // zlib's own wrapper is what deflate means, and it ends with its checksum.
        for wrapper in [Zlib.Wrapper.raw, .gzip] {
            let body = Zlib.pack(Array(Self.text.utf8), as: wrapper)
            #expect(try await Self.unpacked(body, "deflate").status == 400)
        }
        var trailing = Zlib.pack([1], as: .zlib)
        trailing.writeInteger(UInt8(0))
        #expect(try await Self.unpacked(trailing, "deflate").status == 400)
        // A preset dictionary, which nobody has agreed on.
        #expect(
            try await Self.unpacked(ByteBuffer(bytes: [0x78, 0xBB, 0, 0, 0, 1, 3, 0]), "deflate")
                .status == 400)
    }

    @Test("any bytes are refused or unpacked, and nothing else", arguments: 0..<8)
    func fuzz(_ seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        let whole = Array(
            Zlib.pack((0..<3000).map { UInt8(truncatingIfNeeded: $0) }, as: .gzip).readableBytesView
        )
        for _ in 0..<50 {
            var body = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                body[Int.random(in: body.indices, using: &random)] = .random(
                    in: 0...255, using: &random)
            }
            let status = try await Self.unpacked(ByteBuffer(bytes: body), "gzip").status
            #expect([200, 400].contains(status))
        }
    }

    @Test(
        "an unknown coding is answered 415 with those that are known",
        arguments: ["br", "gzip, gzip", "zstd", "x"])
    func unknownCoding(_ coding: String) async throws {
        let answer = try await Self.unpacked(ByteBuffer(string: "x"), coding)
        #expect(answer.status == 415)
        #expect(answer.headers.first?.0 == "accept-encoding")
        #expect(answer.headers.first?.1 == "gzip, deflate")
    }

    @Test(
        "a body that grows over the limit is answered 413, and never has more than that in memory")
    func bomb() async throws {
        let bomb = Zlib.pack([UInt8](repeating: 0, count: 64 << 20), as: .gzip)
        #expect(bomb.readableBytes < 80_000)
        let answer = try await Self.unpacked(
            bomb, "gzip", "[compression: {max_request_size: 1000000}]")
        #expect(answer.status == 413)
        let inflater = try #require(Inflater(.gzip, bomb, limit: 1_000_000))
        #expect(inflater.run(for: .max) == .tooLarge)
        // As buffers grow, by doubling.
        #expect(inflater.output.capacity <= 2_097_152)
    }

    @Test("the limit is the largest body that is taken", arguments: [(1000, 200), (999, 413)])
    func limit(_ limit: Int, _ status: Int) async throws {
        let body = Zlib.pack([UInt8](repeating: 65, count: 1000), as: .gzip)
        let answer = try await Self.unpacked(
            body, "gzip", "[compression: {max_request_size: \(limit)}]")
        #expect(answer.status == status)
    }

    @Test(
        "bodies of any size come out as they went in",
        arguments: [0, 1, 100, 65_535, 65_536, 3_000_000])
    func sizes(_ size: Int) async throws {
        var random = SeededGenerator(seed: UInt64(size))
        let bytes = (0..<size).map { _ in UInt8.random(in: 97...122, using: &random) }
        let answer = try await Self.unpacked(Zlib.pack(bytes, as: .gzip), "gzip")
        #expect(answer.body == String(decoding: bytes, as: UTF8.self))
    }

    @Test("requests stay packed if they are not to be unpacked")
    func off() async throws {
        let answer = try await Self.unpacked(
            ByteBuffer(string: "x"), "zstd", "[compression: {requests: false}]")
        #expect(answer.body == "x")
        #expect(answer.headers.first?.0 == "content-encoding")
    }

    // MARK: Configuration

    @Test(
        "what is wrong in the configuration is told",
        arguments: [
            (
                "[compression: {level: 0}]",
                "1:23: [0].compression.level is 0: it must be a whole number from 1 to 9"
            ),
            (
                "[compression: {types: []}]",
                "1:23: [0].compression.types is a list: it must be a list, such as [text/*, application/json]"
            ),
            (
                "[compression: {types: [text]}]",
                "1:24: [0].compression.types[0] is text: it must be a content type, such as text/* or application/json"
            ),
            (
                "[compression: {requests: 1}]",
                "1:26: [0].compression.requests is 1: it must be true or false"
            ),
            (
                "[compression: {minsize: 1}]",
                "1:16: [0].compression has no key minsize; did you mean min_size?"
            ),
        ])
    func configuration(_ yaml: String, _ error: String) {
        #expect(StageTrial.error(yaml) == error)
    }
}
