import NIOCore
import Testing

@testable import HostPipeline
@testable import HostPluginStages
@testable import HostStages

@Suite struct StageMeterTests {
    @Test("a meter adds up calls, errors and time")
    func reading() {
        let meter = StageMeter()
        meter.addCall()
        meter.addCall()
        meter.addError()
        meter.add(.milliseconds(250))
        #expect(meter.reading == StageMeter.Reading(calls: 2, errors: 1, seconds: 0.25))
    }
}
