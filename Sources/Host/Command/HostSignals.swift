internal import Logging
internal import UnixSignals

/// SIGTERM and SIGINT: the first asks for a graceful end, the second ends at once. SIGHUP: the configuration file is
/// applied anew.
struct HostSignals {
    private let logger: Logger
    private let shutDown: @Sendable () async -> Void
    private let reload: @Sendable () async -> Void

    init(
        logger: Logger, shutDown: @escaping @Sendable () async -> Void,
        reload: @escaping @Sendable () async -> Void
    ) {
        self.logger = logger
        self.shutDown = shutDown
        self.reload = reload
    }

    /// Runs `body` and minds the signals meanwhile.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint, .sighup)
        try await withThrowingTaskGroup { group in
            group.addTask {
                var isFirst = true
                var lastReload: Task<Void, Never>?
                for await signal in signals {
                    if signal == .sighup {
                        // Not waited for: an end that is asked for meanwhile is heard.
                        lastReload = Task { [last = lastReload] in
                            await last?.value
                            await reload()
                        }
                        continue
                    }
                    guard isFirst else { ProgramEnd.now(status: 128 + number(of: signal)) }
                    isFirst = false
                    logger.info(
                        "\(signal): finishing what is in flight; a second signal exits at once")
                    await shutDown()
                }
            }
            group.addTask { try await body() }
            defer { group.cancelAll() }
            while let result = await group.nextResult() {
                try result.get()
                // The signals end only when the task is cancelled: the one that ended is the body.
                return
            }
        }
    }

    private func number(of signal: UnixSignal) -> Int32 {
        signal == .sigint ? 2 : 15
    }
}
