/// Why a library, a header or debug information can't be looked at: one line that says what to do.
package struct InspectionError: Error, Sendable, CustomStringConvertible {
    package var description: String

    init(_ description: String) {
        self.description = description
    }
}
