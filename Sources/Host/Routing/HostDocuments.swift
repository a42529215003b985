internal import HostCore
internal import NIOConcurrencyHelpers
package import NIOCore
internal import NIOPosix

/// What the host says of itself: the list of its routes, and the OpenAPI document of the typed methods. Each is made
/// once for a state of things, on no event loop, and sent from the same bytes to all who ask.
package final class HostDocuments: Sendable {
    package enum Kind: CaseIterable, Sendable {
        case routes, calls
    }

    package struct Document: Sendable {
        package let body: ByteBuffer
        /// A weak one: stages may encode the body.
        let entityTag: String

        init(_ text: String) {
            body = ByteBuffer(string: text)
            entityTag = "W/\"\(String(Self.hash(text), radix: 16))\""
        }

        /// Source: the FNV-1a hash, 64 bits.
        private static func hash(_ text: String) -> UInt64 {
            text.utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }

        /// The document, or that the client has it.
        func response(to request: any SentHead) -> CallResponse {
            let known = request.headers.elements(of: "if-none-match")
            // RFC 9110, section 13.1.2.
            let isKnown = known.contains { $0 == entityTag || "W/\($0)" == entityTag || $0 == "*" }
            return CallResponse(
                status: isKnown ? 304 : 200, body: isKnown ? ByteBuffer() : body,
                contentType: "application/json",
                headers: [("etag", entityTag), ("cache-control", "no-cache")])
        }
    }

    typealias Waiter = @Sendable (Document) -> Void

    /// What a document is about.
    private struct Version: Equatable {
        let snapshot: Int
        let installations: Int

        init(_ kind: Kind, _ routes: RouteSnapshot) {
            snapshot = routes.number
            installations = kind == .calls ? routes.installations : 0
        }
    }

    private struct Order {
        let version: Version
        let routes: RouteSnapshot
        let waiter: Waiter
    }

    private struct Shelf {
        var ready: (version: Version, document: Document)?
        /// A document is being made as long as there are any.
        var orders: [Order] = []
    }

    private let shelves = NIOLockedValueBox<[Kind: Shelf]>([:])

    /// - Parameter waiter: called once: at once if the document is there, or else from another thread.
    func whenReady(_ kind: Kind, of routes: RouteSnapshot, _ waiter: @escaping Waiter) {
        let order = Order(version: Version(kind, routes), routes: routes, waiter: waiter)
        let (document, isFirst) = shelves.withLockedValue { shelves -> (Document?, Bool) in
            var shelf = shelves[kind] ?? Shelf()
            if let ready = shelf.ready, ready.version == order.version {
                return (ready.document, false)
            }
            shelf.orders.append(order)
            shelves[kind] = shelf
            return (nil, shelf.orders.count == 1)
        }
        if let document { return waiter(document) }
        if isFirst { make(kind, order) }
    }

    private func make(_ kind: Kind, _ order: Order) {
        NIOThreadPool.singleton.submit { [self] _ in
            let document = Document(Self.text(kind, order.routes))
            let (served, next) = shelves.withLockedValue { shelves -> ([Order], Order?) in
                var shelf = shelves[kind] ?? Shelf()
                shelf.ready = (order.version, document)
                let served = shelf.orders.filter { $0.version == order.version }
                shelf.orders.removeAll { $0.version == order.version }
                shelves[kind] = shelf
                return (served, shelf.orders.first)
            }
            for order in served { order.waiter(document) }
            if let next { make(kind, next) }
        }
    }

    static func text(_ kind: Kind, _ routes: RouteSnapshot) -> String {
        switch kind {
        case .routes: routesText(routes)
        case .calls: CallDocument(routes).text
        }
    }

    /// `{"/echo": ["echo", ["GET", "POST"]]}`, as Ray Serve has it.
    private static func routesText(_ routes: RouteSnapshot) -> String {
        var json = JSONText()
        json.beginObject()
        for (route, endpoint) in routes.routed {
            json.key(route)
            json.beginArray()
            json.string(endpoint.name)
            json.beginArray()
            for method in endpoint.httpMethods { json.string(method) }
            json.endArray()
            json.endArray()
        }
        json.endObject()
        return json.text
    }
}
