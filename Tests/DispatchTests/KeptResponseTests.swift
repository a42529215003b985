import HostCore
import NIOCore
import Testing

@testable import HostDispatch

/// What an INLINE method answers is passed on when it has returned, so that the time is not its own.
@Suite struct KeptResponseTests {
    private static let answer = Result<CallResponse, CallFailure>.success(
        CallResponse(body: ByteBuffer(string: "answer"), contentType: ""))

    private static func make() -> (Call, RecordingSink) {
        let sink = RecordingSink()
        let call = Call(to: .forTests(), argument: ByteBuffer(), sink: sink)
        return (call, sink)
    }

    @Test("an answer that is kept is the call's, and is passed on once")
    func kept() {
        let (call, sink) = Self.make()
        call.keepResponse()
        call.finish(Self.answer)
        #expect(call.isAbandoned && sink.answers.isEmpty)
        // It comes too late.
        call.cancel()
        call.passResponseOn()
        call.passResponseOn()
        #expect(sink.answers.count == 1)
        #expect((try? sink.answers.first?.get()) != nil)
    }

    @Test("what comes after the method has returned is passed on at once")
    func later() {
        let (call, sink) = Self.make()
        call.keepResponse()
        call.passResponseOn()
        #expect(sink.answers.isEmpty)
        call.finish(.failure(CallFailure(.internal, "")))
        #expect(sink.answers.count == 1)
    }

    @Test("a caller that leaves while the method runs is answered at once, and the rest is dropped")
    func cancelled() {
        let (call, sink) = Self.make()
        call.keepResponse()
        call.cancel()
        #expect(sink.answers.count == 1)
        call.finish(Self.answer)
        call.passResponseOn()
        #expect(sink.answers.count == 1)
    }

    @Test("a thread that finishes just when the method returns gives one answer")
    func race() async {
        for _ in 0..<500 {
            let (call, sink) = Self.make()
            call.keepResponse()
            await withTaskGroup(of: Void.self) { group in
                group.addTask { call.finish(Self.answer) }
                group.addTask { call.passResponseOn() }
            }
            #expect(sink.answers.count == 1)
        }
    }
}
