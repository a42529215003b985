import TestSupport
import Testing

/// The program in `Examples/Embedding`, which imports `Backplane` and nothing else of the host.
@Suite struct EmbeddingExampleTests {
    @Test("it runs, and prints what its comments say")
    func runs() async throws {
        let directory = try TemporaryDirectory()
        for plugin in ["libecho.so", "libcounter.so"] {
            try Fixture.place(Repository.product(plugin), as: plugin, in: directory.path)
        }
        let ended = try await Program.run(
            Repository.product("embedding"), [directory.path],
            environment: ["XDG_RUNTIME_DIR": directory.path])
        #expect(ended.errors == "")
        #expect(ended.status == 0)
        #expect(
            ended.output == """
                serving /counter /echo
                counter: {"current":1}
                added 5: true
                counter: {"current":6}
                upper: ONE
                upper: TWO
                upper: THREE
                line of 6 bytes
                line of 7 bytes
                line of 5 bytes
                error 404, unknownMethod: echo has no method nope; it has: __call__, inline, upper, \
                lines, headers
                done

                """)
    }
}
