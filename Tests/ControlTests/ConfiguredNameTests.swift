import HostConfigurationFiles
import HostCore
import HostState
import Testing

/// Which tags there may be: those that are one name to Swift, to SQLite and to people alike.
@Suite struct ConfiguredNameTests {
    @Test(
        "text of one line that can be seen is a tag",
        arguments: ["v1", "counter:v1", "a b", "über/1", "%2F", "= ?#&", "😀", "日本", "\u{e9}"])
    func tags(tag: String) throws {
        var state = ControlState()
        try state.createBackend(tag, plugin: "echo")
        #expect(state.backends.keys.first?.utf8.elementsEqual(tag.utf8) == true)
        try state.deleteBackend(tag)
        #expect(state.backends.isEmpty)
    }

    @Test(
        "what looks like another name, or like nothing, is refused",
        arguments: [
            "e\u{301}", "\u{212B}", "\u{FEFF}v1", "v1\u{200B}", "v\u{200D}1", "\u{202E}v1",
            "v\u{AD}1",
            "v1\u{FE0F}", "\u{E0041}", "a\nb", "\u{2028}", "", ".", "..", "\u{378}",
        ])
    func noTags(tag: String) {
        var state = ControlState()
        let error = #expect(throws: ControlError.self) {
            try state.createBackend(tag, plugin: "echo")
        }
        #expect(error?.code == .invalid)
        #expect(throws: ControlError.self) {
            try ControlState.declaration(
                backends: [tag: BackendRecord(plugin: "echo")], endpoints: [:])
        }
    }

    @Test("a name that Unicode calls equal to that of a backend is not its name")
    func equivalent() throws {
        var state = ControlState()
        try state.createBackend("\u{e9}", plugin: "echo")
        try state.createEndpoint("api", backend: "\u{e9}")
        let other = "e\u{301}"
        let operations: [(inout ControlState) throws -> Void] = [
            { try $0.deleteBackend(other, force: true) },
            { try $0.updateBackend(other, BackendOptions()) },
            { try $0.createEndpoint("new", backend: other) },
            { try $0.setTraffic("api", [other: 1]) },
            { try $0.shadowTraffic("api", backend: other, share: 1) },
        ]
        let before = state
        for operation in operations {
            let error = #expect(throws: ControlError.self) { try operation(&state) }
            #expect(error?.code == .noSuchBackend)
        }
        #expect(state == before)
    }
}
