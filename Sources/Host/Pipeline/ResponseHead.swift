package import HostCore
internal import NIOCore

/// What comes before the body of a response, be it a plugin's, a stage's or an error.
package struct ResponseHead: Sendable {
    /// The HTTP status. A stage can't change it: it answers by itself then.
    package let status: Int
    /// Empty: `application/octet-stream`. That of an error can't be changed.
    package var contentType: String
    /// Beside those that the host writes; a stage changes them with the functions below.
    package private(set) var headers: HeaderFields
    package let isError: Bool
    /// The size of the whole body; nil: it comes in pieces, or the host writes it.
    package let bodySize: Int?

    /// - Parameters:
    ///   - response: what the head says is taken out, so that it has one owner when stages change it.
    ///   - isWhole: whether nothing follows.
    init(takenFrom response: inout CallResponse, isWhole: Bool) {
        bodySize = isWhole ? response.body.readableBytes : nil
        status = response.status
        contentType = ""
        isError = false
        swap(&contentType, &response.contentType)
        var fields: [HeaderFields.Field] = []
        swap(&fields, &response.headers)
        headers = HeaderFields(fields)
    }

    init(_ error: DispatchError) {
        bodySize = nil
        status = error.httpStatus
        let details = error.details?.contentType ?? ""
        contentType = details.isEmpty ? "application/problem+json" : details
        headers = HeaderFields(error.headers)
        isError = true
    }

    consuming func put(into response: inout CallResponse) {
        response.contentType = contentType
        response.headers = headers.all
    }

    consuming func put(into error: inout DispatchError) {
        error.headers = headers.all
    }

    // MARK: Headers

    /// The values of all fields of a name, in whatever case.
    package subscript(name: String) -> [String] { headers[name] }

    package mutating func add(_ name: String, _ value: String) {
        headers.add(name: name, value: value)
    }

    /// Puts one field in place of all of that name.
    package mutating func set(_ name: String, _ value: String) {
        headers.replaceOrAdd(name: name, value: value)
    }

    package mutating func remove(_ name: String) { headers.remove(name: name) }

    /// Adds to the list of what the response depends on, unless it is there.
    package mutating func addVary(_ name: String) {
        let known = self["vary"].joined(separator: ",").split { $0 == "," || $0 == " " }
        guard !known.contains(where: { $0 == "*" || HeaderName.areEqual(String($0), name) }) else {
            return
        }
        add("vary", name)
    }
}
