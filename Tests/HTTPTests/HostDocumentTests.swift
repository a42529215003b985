import HostDeployment
import NIOConcurrencyHelpers
import NIOCore
import TestSupport
import Testing

@testable import HostHTTP
@testable import HostRouting

/// `/-/routes` and `/-/openapi.json`.
@Suite(.throttled) struct HostDocumentTests {
    @Test("a document is made once, and all get the same bytes")
    func once() async throws {
        let documents = HostDocuments()
        let routes = RouteTable()
        let got = NIOLockedValueBox<[HostDocuments.Document]>([])
        for _ in 0..<100 {
            for kind in HostDocuments.Kind.allCases {
                documents.whenReady(kind, of: routes.snapshot) { document in
                    got.withLockedValue { $0.append(document) }
                }
            }
        }
        try await Eventually.true { got.withLockedValue { $0.count } == 200 }
        let bodies = got.withLockedValue { $0 }.map { document in
            document.body.withUnsafeReadableBytes { UInt(bitPattern: $0.baseAddress) }
        }
        #expect(Set(bodies).count == 2)
    }

    @Test("a client that has the document is told so, and gets the next one when something changes")
    func entityTag() async throws {
        try await TestHost.run(plugins: Plugins.echo) { host in
            _ = try await host.wait(for: "echo") { $0.state == .serving }
            for path in ["/-/routes", "/-/openapi.json"] {
                let first = try await host.http.send("GET", path)
                #expect(first.status == 200)
                let tag = try #require(first.headers["etag"])
                for known in [tag, "\"other\", \(tag)", "*"] {
                    let again = try await host.http.send(
                        "GET", path, headers: ["If-None-Match": known])
                    #expect(again.status == 304)
                    #expect(again.body.isEmpty)
                    #expect(again.headers["etag"] == tag)
                }
                let other = try await host.http.send(
                    "GET", path, headers: ["If-None-Match": "W/\"other\""])
                #expect(other.status == 200)
                let head = try await host.http.send("HEAD", path)
                #expect(head.headers["content-length"] == "\(first.body.count)")
            }
            let before = try await host.http.send("GET", "/-/routes")
            try Fixture.place(
                try Fixture.library("metadata"), as: "libmetadata.so", in: host.pluginsDirectory)
            _ = try await host.wait(for: "metadata") { $0.state == .serving }
            let after = try await host.http.send(
                "GET", "/-/routes", headers: ["If-None-Match": before.headers["etag"] ?? ""])
            #expect(after.status == 200)
            #expect(after.text.contains("/metadata"))
        }
    }
}
