internal import HostRouting

/// The methods of a plugin as `backplane list <plugin> --methods` prints them.
struct MethodTable {
    let text: String

    init(_ methods: [MethodInterface], of plugin: String) {
        guard !methods.isEmpty else {
            text = "\(plugin) is not served now; `backplane list` says why"
            return
        }
        text =
            TextTable(
                header: ["METHOD", "SIGNATURE", "DESCRIPTION"],
                methods.map { [$0.name, $0.signature ?? "-", $0.description] }
            ).text
    }
}
