import Testing

@testable import HostForms

@Suite struct NearestNameTests {
    @Test(
        "a slip of the finger finds what was meant",
        arguments: [
            ("metods", "methods"), ("mehtods", "methods"), ("methodss", "methods"),
            ("Methods", "methods"), ("rout", "route"), ("traffik", "traffic"),
            ("shaddow", "shadow"),
        ])
    func near(name: String, meant: String) {
        #expect(NearestName.of(name, among: ["route", "methods", "traffic", "shadow"]) == meant)
    }

    @Test("another word finds nothing", arguments: ["", "x", "replicas", "path", "weights"])
    func far(name: String) {
        #expect(NearestName.of(name, among: ["route", "methods", "traffic", "shadow"]) == nil)
    }

    @Test("of two that are as near, the first by the alphabet is told")
    func tie() {
        #expect(NearestName.of("v3", among: ["v2", "v1"]) == "v1")
    }

    @Test("a name without end is compared with nothing")
    func long() {
        let name = String(repeating: "a", count: 1_000_000)
        #expect(NearestName.of(name, among: [name + "b"]) == nil)
    }
}
