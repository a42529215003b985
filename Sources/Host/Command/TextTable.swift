internal import HostLogging

/// Rows of cells, each column as wide as its widest cell, no blanks at the ends of lines.
struct TextTable {
    let text: String

    /// - Parameter header: the first row.
    init(header: [String], _ rows: [[String]]) {
        let rows = ([header] + rows).map { $0.map(LogLine.escaped) }
        let widths = header.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        text = rows.map { row in
            let cells = zip(row, widths).map { cell, width in
                cell + String(repeating: " ", count: width - cell.count)
            }
            return Self.trimmed(cells.joined(separator: "  "))
        }.joined(separator: "\n")
    }

    private static func trimmed(_ line: String) -> String {
        var line = line[...]
        while line.last == " " { line = line.dropLast() }
        return String(line)
    }
}
