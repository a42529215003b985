import HostCore
import HostState
import TestSupport
import Testing

/// Random operations, on the state and on a model of it that was written from the rules alone.
@Suite struct StatePropertyTests {
    @Test(
        "the state does what the model does, operation for operation",
        arguments: 1...8 as ClosedRange<UInt64>)
    func model(seed: UInt64) throws {
        var numbers = SeededNumbers(seed)
        var state = ControlState()
        var model = StateModel()
        var outcomes: [String: Int] = [:]
        for step in 1...2_500 {
            let operation = StateOperation.random(using: &numbers)
            let refusal = perform(operation, on: &state)
            outcomes[refusal.map { "\($0)" } ?? "done", default: 0] += 1
            try #require(refusal == model.perform(operation), "step \(step): \(operation)")
            try #require(
                StateModel(state).lines == model.lines, "step \(step): \(operation)")
        }
        // That the operations are not all refused, and not all for one reason.
        #expect(outcomes["done", default: 0] > 800, "\(outcomes)")
        for reason in [
            "noSuchBackend", "noSuchEndpoint", "alreadyExists", "backendInUse", "invalid",
        ] {
            #expect(outcomes[reason, default: 0] > 20, "\(outcomes)")
        }
    }

    @Test(
        "the changes between two states are none if and only if they are equal, apart from plugins")
    func changes() throws {
        var numbers = SeededNumbers(99)
        var state = ControlState()
        for _ in 1...3_000 {
            let operation = StateOperation.random(using: &numbers)
            let before = state
            _ = perform(operation, on: &state)
            let isSame =
                state.backends == before.backends && state.endpoints == before.endpoints
                && state.middleware == before.middleware
            try #require(before.changes(to: state).isEmpty == isSame, "\(operation)")
            if case .apply(let backends, let endpoints, let middleware) = operation,
                let declared = try? ControlState.declaration(
                    backends: backends, endpoints: endpoints, middleware: middleware),
                let again = try? before.applying(declared)
            {
                try #require(again.state == state)
                try #require(try again.state.applying(declared).changes == [], "\(operation)")
            }
        }
    }

    @Test("what is acknowledged is there after a restart, operation for operation")
    func restarts() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("state.db")
        var numbers = SeededNumbers(7)
        var model = StateModel()
        var store = try await StateStore.open(path)
        for step in 1...1_000 {
            let operation = StateOperation.random(using: &numbers)
            var refusal: ControlError.Code?
            do throws(ControlError) {
                try await store.change { state throws(ControlError) in
                    try operation.perform(on: &state)
                }
            } catch {
                refusal = error.code
            }
            try #require(refusal == model.perform(operation), "step \(step): \(operation)")
            let served = store.state
            if Int.random(in: 0..<5, using: &numbers) == 0 {
                await store.close()
                store = try await StateStore.open(path)
                try #require(store.state == served, "step \(step): \(operation)")
            }
            try #require(StateModel(served).lines == model.lines, "step \(step): \(operation)")
        }
        await store.close()
    }

    private func perform(
        _ operation: StateOperation, on state: inout ControlState
    ) -> ControlError.Code? {
        do throws(ControlError) {
            try operation.perform(on: &state)
            return nil
        } catch {
            return error.code
        }
    }
}
