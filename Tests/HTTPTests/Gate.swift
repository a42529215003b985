import Foundation
import TestSupport

/// What a call to the fixture `waits`, and the last part of `floods`, wait for: a file that the test makes.
struct Gate: Sendable {
    private let directory: TemporaryDirectory

    init() throws {
        directory = try TemporaryDirectory()
    }

    var path: String { directory.file("gate") }

    func open() {
        _ = FileManager.default.createFile(atPath: path, contents: nil)
    }
}
