internal import ArgumentParser
internal import Foundation

/// For people, or for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "The same for programs.")
    var json = false

    func print(_ value: some Encodable, _ text: () -> String) throws {
        guard json else {
            Swift.print(text())
            return
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        Swift.print(String(decoding: try encoder.encode(value), as: UTF8.self))
    }
}
