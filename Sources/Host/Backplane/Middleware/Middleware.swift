/// A stage of a chain that a program brings along: it sees a request on its way in and the response on its way out, and
/// may change either, answer by itself, refuse, or wait.
///
/// Each request is a task of its own. It is cancelled when nobody waits for the response any more: the client has gone,
/// or a stage in front of this one has answered in its place. What blocks a thread blocks one of Swift's: leave that to
/// a thread pool.
public protocol Middleware: Sendable {
    /// What `backplane list --middleware` and the log call it; the type's name by default.
    var name: String { get }

    /// Called for many requests at once.
    ///
    /// - Parameters:
    ///   - request: as the stages before this one have left it. Its body may be on its way.
    ///   - next: sends a request through the stages behind this one, and returns the response when its head is there.
    ///     Whoever calls it again sends the request again. Errors of the plugin and of the host are responses as well,
    ///     with a ``StageResponse/failure``.
    /// - Returns: the response, which may be that of `next`, changed or not.
    /// - Throws: ``StageRefusal`` becomes a response with its status, and ``CallError`` one with that of a handle's
    ///   call. Any other error is logged, and becomes a response with the status 500 that says nothing of it. In
    ///   `list --middleware` all of them count as errors of the stage. An error in the middle of a streamed response
    ///   breaks that off.
    func handle(
        _ request: StageRequest, next: (StageRequest) async throws -> StageResponse
    ) async throws -> StageResponse
}

extension Middleware {
    /// The type's name.
    public var name: String { "\(Self.self)" }
}
