import NIOCore
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct StageTimerTests {
    @Test("the first requests are timed, then every eighth, and all of them count")
    func sample() {
        let meter = StageMeter()
        var timed = 0
        for number in 0..<1_064 {
            let timer = StageTimer(request: number)
            #expect((timer.now() > .distantPast) == timer.isTiming)
            if timer.isTiming { timed += 1 }
            timer.add(.uptimeNanoseconds(0), to: .uptimeNanoseconds(1_000), of: meter)
        }
        #expect(timed == 64 + 1_000 / 8)
        #expect(abs(meter.reading.seconds - 1_064 * 1e-6) < 1e-12)
    }
}
