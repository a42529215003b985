import HostConfigurationFiles
import HostForms
import HostState
import Testing

/// What is shown of a configuration, and logged, has no secrets.
@Suite struct SecretsTests {
    private static let file = """
        backends:
          model:
            plugin: echo
            user_config: {model: small, db: {user: me, password: hidden-1}, api_key: hidden-2, tokens: 4}
            middleware:
              - auth: {api_key: {header: x-mine, keys: {alice: hidden-3}}}
        middleware:
          - auth: {bearer: {tokens: {alice: hidden-4}}, realm: here}
          - headers: {request: {set: {Authorization: hidden-5, X-Stage: shown}}}

        """

    @Test("the lines that tell of a change have none")
    func changes() throws {
        let parsed = try HostFile(yaml: Self.file)
        let backend = try #require(parsed.backends["model"])
        let declared = try ControlState.declaration(
            backends: ["model": BackendRecord(plugin: "echo", options: backend.options)],
            endpoints: [:], middleware: parsed.middleware)
        let lines = try ControlState().applying(declared).changes.map(\.description)
            .joined(separator: "\n")
        #expect(!lines.contains("hidden"), "\(lines)")
        for shown in ["alice", "x-mine", "small", "here", "<redacted>"] {
            #expect(lines.contains(shown), "\(shown): \(lines)")
        }
    }

    @Test("a file in which a secret was left out is refused where it is missing")
    func placeholder() {
        let yaml = Self.file.replacing("hidden-4", with: "<redacted>")
        let error = #expect(throws: ConfigurationError.self) { try HostFile(yaml: yaml) }
        #expect(
            error?.description.contains("middleware[0].auth.bearer.tokens.alice is <redacted>")
                == true, "\(error?.description ?? "")")
    }
}
