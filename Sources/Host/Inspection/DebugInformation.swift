internal import Foundation

/// What a library's debug information says of its functions: DWARF, as `readelf` prints it.
///
/// `readelf` is there wherever a C compiler is, knows the compressions, the versions and the links to separate files,
/// and prints entries as it comes to them, one member a line; so a large library needs little memory. A library that
/// reads DWARF would be one more that the host is linked with, for a command that is run once.
///
/// Source: DWARF 5, chapters 3 and 5.
struct DebugInformation {
    let declarations: CDeclarations

    /// Blocks.
    ///
    /// - Parameter functions: the names that are of interest.
    /// - Throws: ``InspectionError`` when there is no `readelf`, or it can't read the file.
    init(of library: String, functions: Set<String>) throws(InspectionError) {
        let readelf = try CompilerTool(
            oneOf: ["readelf"],
            advice: "install binutils (Debian: apt install binutils), or give --header")
        var entries = DebugEntries()
        var rest: [UInt8] = []
        try readelf.run(["--debug-dump=info", "--", library]) { data in
            for byte in data {
                if byte != UInt8(ascii: "\n") {
                    rest.append(byte)
                    continue
                }
                entries.take(String(decoding: rest, as: UTF8.self))
                rest.removeAll(keepingCapacity: true)
            }
        }
        entries.end()
        declarations = DebugTypes(entries.kept).declarations(of: functions)
    }
}
