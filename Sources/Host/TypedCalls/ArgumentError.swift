/// Why an argument is refused: a place in it, and what was expected there and came.
struct ArgumentError: Error {
    /// The argument's name or number with the place within it: `points[3].x`; empty: the arguments as a whole.
    var path: String
    var message: String

    init(_ message: String, path: String = "") {
        self.path = path
        self.message = message
    }

    /// The same error, of a value that is part of another one.
    func within(_ outer: String) -> ArgumentError {
        ArgumentError(message, path: outer + path)
    }

    var description: String {
        path.isEmpty ? message : "argument \(path): \(message)"
    }
}
