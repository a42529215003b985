internal import HostDispatch
internal import HostPlugins
internal import NIOCore

/// What comes before the body of an answer, be it a plugin's, a stage's or an error.
package struct AnswerHead: Sendable {
    /// The HTTP status. A stage can't change it: it answers by itself then.
    package let status: Int
    /// Empty: `application/octet-stream`. That of an error can't be changed.
    package var contentType: String
    /// Beside those that the host writes; a stage changes them with the functions below.
    package private(set) var headers: [(name: String, value: String)]
    package let isError: Bool
    /// The size of the whole body; nil: it comes in pieces, or the host writes it.
    package let bodySize: Int?

    /// - Parameter isWhole: whether nothing follows.
    init(_ response: PluginResponse, isWhole: Bool) {
        bodySize = isWhole ? response.body.readableBytes : nil
        status = response.status
        contentType = response.contentType
        headers = response.headers
        isError = false
    }

    init(_ error: DispatchError) {
        bodySize = nil
        status = error.httpStatus
        contentType = "application/problem+json"
        headers = error.headers
        isError = true
    }

    func apply(to response: inout PluginResponse) {
        response.contentType = contentType
        response.headers = headers
    }

    func apply(to error: inout DispatchError) {
        error.headers = headers
    }

    // MARK: Headers

    /// The values of all fields of a name, in whatever case.
    package subscript(name: String) -> [String] {
        headers.lazy.filter { Self.equal($0.name, name) }.map(\.value)
    }

    package mutating func add(_ name: String, _ value: String) {
        headers.append((name, value))
    }

    /// Puts one field in place of all of that name.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    package mutating func remove(_ name: String) {
        headers.removeAll { Self.equal($0.name, name) }
    }

    /// Adds to the list of what the answer depends on, unless it is there.
    package mutating func addVary(_ name: String) {
        let known = self["vary"].joined(separator: ",").split { $0 == "," || $0 == " " }
        guard !known.contains(where: { $0 == "*" || Self.equal(String($0), name) }) else { return }
        add("vary", name)
    }

    private static func equal(_ first: String, _ second: String) -> Bool {
        first.utf8.count == second.utf8.count && first.lowercased() == second.lowercased()
    }
}
