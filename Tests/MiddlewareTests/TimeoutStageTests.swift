import HostCore
import NIOConcurrencyHelpers
import NIOCore
import NIOEmbedded
import TestSupport
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct TimeoutStageTests {
    private let loop = NIOAsyncTestingEventLoop()

    /// With a clock that the test turns.
    private func trial(after: Duration = .seconds(5)) -> StageTrial {
        StageTrial(TimeoutStage(after: after, on: loop))
    }

    @Test("a request that waits in another stage is answered 504 when its time is over")
    func waiting() async throws {
        let trial = trial()
        let answer = trial.send(.make([])) { _, _ in }
        await loop.advanceTime(by: .milliseconds(4_999))
        #expect(answer.results.isEmpty)
        await loop.advanceTime(by: .milliseconds(1))
        #expect(answer.status == 504)
        #expect(answer.error?.message.contains("5s") == true)
        #expect(trial.chain.links[0].meter.reading.errors == 1)
    }

    @Test("an answer in time is the only one")
    func inTime() async throws {
        let kept = NIOLockedValueBox<(any ResponseSink)?>(nil)
        let answer = trial().send(.make([])) { _, sink in kept.withLockedValue { $0 = sink } }
        await loop.advanceTime(by: .seconds(4))
        kept.withLockedValue { $0 }?.answer("just in time")
        await loop.advanceTime(by: .seconds(4))
        #expect(answer.results.count == 1)
        #expect(answer.status == 200)
    }

    @Test("what comes after the time is thrown away, and a stream breaks off")
    func late() async throws {
        let kept = NIOLockedValueBox<(any ResponseSink)?>(nil)
        let answer = trial().send(.make([])) { _, sink in kept.withLockedValue { $0 = sink } }
        let sink = try #require(kept.withLockedValue { $0 })
        let part = CallResponse(body: ByteBuffer(string: "part"), contentType: "")
        #expect(sink.receive(part: part))
        await loop.advanceTime(by: .seconds(5))
        #expect(!sink.receive(part: part))
        sink.answer("too late")
        #expect(answer.parts.count == 1)
        #expect(answer.results.count == 1)
        #expect(answer.error?.httpStatus == 504)
    }

    @Test("the call's own limit is shortened, and never lengthened")
    func limit() async throws {
        await loop.advanceTime(by: .seconds(100))
        let now = loop.now
        trial().send(.make([])) { request, sink in
            #expect(request.limit == now + .seconds(5))
            sink.answer("")
        }
        var short = Request.make([])
        short.shorten(to: now + .seconds(2))
        trial().send(short) { request, _ in #expect(request.limit == now + .seconds(2)) }
    }

    @Test("each of many requests ends at its own time, by one timer after another")
    func many() async throws {
        let trial = trial()
        var answers: [TrialSink] = []
        for _ in 0..<10 {
            answers.append(trial.send(.make([])) { _, _ in })
            await loop.advanceTime(by: .seconds(1))
        }
        // Five have had their time; the others follow, a second apart.
        for over in 6...10 {
            #expect(answers.map { $0.results.count } == (0..<10).map { $0 < over ? 1 : 0 })
            await loop.advanceTime(by: .seconds(1))
        }
    }

    @Test("a queue lets go of what is over, and of nothing else", arguments: 0..<20)
    func queue(seed: UInt64) {
        final class Entry: Sendable {
            let isOver = NIOLockedValueBox(false)
        }
        var random = SeededGenerator(seed: seed)
        let isOver = { (entry: Entry) in entry.isOver.withLockedValue { $0 } }
        var queue = TimeoutQueue<Entry>()
        var model: [(deadline: NIODeadline, entry: Entry)] = []
        var now = NIODeadline.uptimeNanoseconds(0)
        var timer: NIODeadline?
        for _ in 0..<3_000 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<5:
                let entry = Entry()
                model.append((now + .seconds(5), entry))
                let next = queue.append(
                    entry, until: now + .seconds(5), live: model.count, isOver: isOver)
                #expect((next == nil) == (timer != nil))
                timer = timer ?? next
                #expect(queue.count <= max(64, 2 * model.count) + 1)
            case 5..<8 where !model.isEmpty:

                let index = model.indices.randomElement(using: &random)!
                model.remove(at: index).entry.isOver.withLockedValue { $0 = true }
            default: now = now + .milliseconds(.random(in: 0..<200, using: &random))
            }
            guard let due = timer, due <= now else { continue }
            let (expired, next) = queue.ring(at: now, isOver: isOver)
            let expected = model.filter { $0.deadline <= now }.map(\.entry)
            #expect(expired.map(ObjectIdentifier.init) == expected.map(ObjectIdentifier.init))
            model.removeAll { $0.deadline <= now }
            for entry in expired { entry.isOver.withLockedValue { $0 = true } }
            timer = next
            #expect(timer ?? .distantFuture <= model.first?.deadline ?? .distantFuture)
        }
        #expect(model.isEmpty || timer != nil)
    }

    @Test("a handle's call has the same time")
    func handle() async {
        let answer = trial().send(.make("POST", "/echo", origin: .handle)) { _, _ in }
        await loop.advanceTime(by: .seconds(5))
        #expect(answer.status == 504)
    }

    @Test("a configured one ends requests by the machine's clock")
    func configured() async throws {
        let answer = try StageTrial("- timeout: {after: 1ms}").send(.make([])) { _, _ in }
        await answer.answered()
        #expect(answer.status == 504)
    }

    @Test(
        "a time that is none is refused",
        arguments: [
            ("- timeout", "it must be a mapping"), ("- timeout: {}", "after is missing"),
            ("- timeout: {after: 5}", "a duration with a unit"),
            ("- timeout: {after: 0s}", "1ms at least"),
            ("- timeout: {after: none}", "a duration with a unit"),
        ])
    func configuration(yaml: String, part: String) throws {
        let error = try #require(StageTrial.error(yaml))
        #expect(error.contains(part), "\(error)")
    }
}
