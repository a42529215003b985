import Foundation
import Logging
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import HostHTTP

/// The gate in front of a listening socket, on a real one.
@Suite(.throttled) struct AcceptGateTests {
    private let log = TestLog()

    /// Listens behind a gate; whoever gets in is sent one byte.
    private func listen(limit: Int) async throws -> any Channel {
        try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelInitializer { [log] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        AcceptGate(limit: limit, advice: "have more", logger: log.logger))
                }
            }
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Greeting())
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
    }

    private final class Greeting: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        func channelActive(context: ChannelHandlerContext) {
            context.writeAndFlush(NIOAny(ByteBuffer(string: "!")), promise: nil)
        }
    }

    private func wire(to channel: any Channel) throws -> Wire {
        try Wire(to: channel.localAddress?.port ?? 0)
    }

    @Test("connections over the limit wait until another one is closed")
    func limit() async throws {
        let server = try await listen(limit: 2)
        let wires = try (0..<2).map { _ in try wire(to: server) }
        for wire in wires { #expect(try await wire.bytes(1) == Array("!".utf8)) }
        let late = try (0..<20).map { _ in try wire(to: server) }
        // One read accepts several: what is over the limit then is closed by the server's own count.
        var waiting: [Wire] = []
        for wire in late where await wire.isSilent(for: .milliseconds(20)) { waiting.append(wire) }
        #expect(!waiting.isEmpty)
        for wire in wires + late where !waiting.contains(where: { $0 === wire }) { wire.leave() }
        for wire in waiting {
            #expect(try await wire.bytes(1) == Array("!".utf8))
            wire.leave()
        }
        try await server.close()
    }

    @Test("without descriptors nothing is accepted for a while, and the log says it once")
    func outOfFiles() async throws {
        let server = try await listen(limit: 100)
        let begin = ContinuousClock.now
        for code in [EMFILE, ENFILE, EMFILE] {
            let error = IOError(errnoCode: code, reason: "accept")
            try await server.eventLoop.submit { server.pipeline.fireErrorCaught(error) }.get()
        }
        let first = try wire(to: server)
        #expect(try await first.bytes(1) == Array("!".utf8), "accepting goes on by itself")
        #expect(ContinuousClock.now - begin >= .nanoseconds(AcceptGate.pause.nanoseconds))
        #expect(log.count(containing: "new connections have to wait") == 1)
        #expect(log.count(containing: "have more") == 1)
        #expect(log.count(containing: "connections are accepted again") == 1)
        try await server.close()
    }
}
