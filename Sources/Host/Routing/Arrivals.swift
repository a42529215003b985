internal import HostLoader
internal import NIOConcurrencyHelpers

/// Plugins whose files have just been put in place, so that a call that comes right behind can wait for them.
///
/// `cp libfoo.so plugins.d/ && curl localhost:8000/foo`: when the request is there, the kernel has told the watcher of
/// the file, and the host may not have heard of it. Nothing is looked up on the disk for that: whoever asks for unknown
/// names waits only while there is news, and no longer than it takes to read it.
package final class Arrivals: Sendable {
    private struct Waiter {
        let name: String
        /// Until this mark has come nobody knows whether the name is among what has happened; nil: it is.
        var mark: Int?
        let resume: @Sendable () -> Void
    }

    private struct State {
        /// How many changes of a plugin's files are being taken up.
        var changing: [String: Int] = [:]
        var waiters: [Int: Waiter] = [:]
        var lastWaiter = 0
        var hasNews: @Sendable () -> Bool = { false }
        var requestMark: @Sendable () -> Int = { 0 }
    }

    private let state = NIOLockedValueBox(State())

    private static let patience: Duration = .seconds(1)
    private static let mostWaiters = 256

    init() {}

    /// Calls back when the plugin that a path may be of is served or refused, or after a second. Any thread.
    ///
    /// - Parameter path: of a request, to which there is no endpoint.
    /// - Returns: false: nothing of that name is on its way, and nothing is called.
    package func wait(for path: String, _ resume: @escaping @Sendable () -> Void) -> Bool {
        guard let name = path.split(separator: "/", maxSplits: 1).first.map({ String($0) }),
            PluginName.isValid(name)
        else { return false }
        let (hasNews, requestMark) = state.withLockedValue { ($0.hasNews, $0.requestMark) }
        let isNew = hasNews()
        let number: Int? = state.withLockedValue { state in
            let isChanging = state.changing[name] != nil
            guard isChanging || isNew, state.waiters.count < Self.mostWaiters else { return nil }
            state.lastWaiter += 1
            state.waiters[state.lastWaiter] = Waiter(
                name: name, mark: isChanging ? nil : .max, resume: resume)
            return state.lastWaiter
        }
        guard let number else { return false }
        if isNew {
            let mark = requestMark()
            state.withLockedValue { state in
                if state.waiters[number]?.mark != nil { state.waiters[number]?.mark = mark }
            }
        }
        Task {
            try? await Task.sleep(for: Self.patience)
            state.withLockedValue { $0.waiters.removeValue(forKey: number) }?.resume()
        }
        return true
    }

    // MARK: The catalog

    package func connect(
        hasNews: @escaping @Sendable () -> Bool, requestMark: @escaping @Sendable () -> Int
    ) {
        state.withLockedValue { state in
            state.hasNews = hasNews
            state.requestMark = requestMark
        }
    }

    /// A plugin's files have changed; to be followed by ``settled(_:)``.
    package func announce(_ name: String) {
        state.withLockedValue { $0.changing[name, default: 0] += 1 }
    }

    /// A change has been taken up.
    package func settled(_ name: String) {
        resume { state in
            let left = (state.changing[name] ?? 1) - 1
            state.changing[name] = left > 0 ? left : nil
            guard left <= 0 else { return [] }
            return state.waiters.filter { $0.value.name == name && $0.value.mark == nil }
                .map(\.key)
        }
    }

    /// What had happened before a mark has been announced.
    package func reached(_ mark: Int) {
        resume { state in
            let waiting = state.waiters.filter { $0.value.mark.map { $0 <= mark } ?? false }
            for number in waiting.keys { state.waiters[number]?.mark = nil }
            return waiting.filter { state.changing[$0.value.name] == nil }.map(\.key)
        }
    }

    private func resume(_ select: (inout State) -> [Int]) {
        let waiters = state.withLockedValue { state in
            select(&state).compactMap { state.waiters.removeValue(forKey: $0) }
        }
        for waiter in waiters { waiter.resume() }
    }
}
