/// Those who want to know that a caller waits no more, until it is so. To be guarded by the caller's lock.
package struct CallerEnd: Sendable {
    package typealias Listener = @Sendable () -> Void

    private var isOver = false
    private var listeners: [Listener] = []

    package init() {}

    /// - Returns: whether it is over: then the listener is to be called at once.
    package mutating func add(_ listener: @escaping Listener) -> Bool {
        if !isOver { listeners.append(listener) }
        return isOver
    }

    /// - Returns: who is to be told. Once; then nobody.
    package mutating func end() -> [Listener] {
        isOver = true
        defer { listeners = [] }
        return listeners
    }
}
