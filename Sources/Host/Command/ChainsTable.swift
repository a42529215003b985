internal import Foundation
internal import HostDeployment

/// The chains of middleware as `backplane list --middleware` prints them, the outermost stage first, and below the
/// table the backends that have none.
struct ChainsTable {
    let text: String

    init(_ chains: [ChainStatus]) {
        let rows = chains.flatMap { chain in
            chain.stages.map { stage in
                [
                    chain.backend ?? "all endpoints", stage.name, stage.origin, "\(stage.calls)",
                    "\(stage.errors)", Self.time(stage.seconds),
                    Self.time(stage.calls > 0 ? stage.seconds / Double(stage.calls) : 0),
                ]
            }
        }
        guard !rows.isEmpty else {
            text =
                "no middleware; put a chain into the configuration file: middleware: [access-log]"
            return
        }
        let table = TextTable(
            header: ["AROUND", "STAGE", "FROM", "CALLS", "ERRORS", "TIME", "TIME PER CALL"], rows)
        let bare = chains.filter(\.stages.isEmpty).compactMap(\.backend)
        text =
            bare.isEmpty
            ? table.text
            : "\(table.text)\nwithout middleware of their own: \(bare.joined(separator: ", "))"
    }

    /// Three digits, in the unit that they fit in.
    private static func time(_ seconds: Double) -> String {
        switch seconds {
        case 0: "0"
        case ..<0.001: String(format: "%.1f us", seconds * 1e6)
        case ..<1: String(format: "%.1f ms", seconds * 1e3)
        default: String(format: "%.1f s", seconds)
        }
    }
}
