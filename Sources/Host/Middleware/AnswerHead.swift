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

    /// - Parameters:
    ///   - response: what the head says is taken out, so that it has one owner when stages change it.
    ///   - isWhole: whether nothing follows.
    init(takenFrom response: inout PluginResponse, isWhole: Bool) {
        bodySize = isWhole ? response.body.readableBytes : nil
        status = response.status
        contentType = ""
        headers = []
        isError = false
        swap(&contentType, &response.contentType)
        swap(&headers, &response.headers)
    }

    init(_ error: DispatchError) {
        bodySize = nil
        status = error.httpStatus
        contentType = "application/problem+json"
        headers = error.headers
        isError = true
    }

    consuming func put(into response: inout PluginResponse) {
        response.contentType = contentType
        response.headers = headers
    }

    consuming func put(into error: inout DispatchError) {
        error.headers = headers
    }

    // MARK: Headers

    /// The values of all fields of a name, in whatever case.
    package subscript(name: String) -> [String] {
        headers.lazy.filter { HeaderName.areEqual($0.name, name) }.map(\.value)
    }

    package mutating func add(_ name: String, _ value: String) {
        // Where there is one there are mostly more.
        if headers.isEmpty { headers.reserveCapacity(4) }
        headers.append((name, value))
    }

    /// Puts one field in place of all of that name.
    package mutating func set(_ name: String, _ value: String) {
        remove(name)
        add(name, value)
    }

    package mutating func remove(_ name: String) {
        for index in headers.indices.reversed() where HeaderName.areEqual(headers[index].name, name)
        {
            headers.remove(at: index)
        }
    }

    /// Adds to the list of what the answer depends on, unless it is there.
    package mutating func addVary(_ name: String) {
        let known = self["vary"].joined(separator: ",").split { $0 == "," || $0 == " " }
        guard !known.contains(where: { $0 == "*" || HeaderName.areEqual(String($0), name) }) else {
            return
        }
        add("vary", name)
    }
}
