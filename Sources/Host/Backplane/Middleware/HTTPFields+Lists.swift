internal import HTTPTypes

/// Fields as the host has them.
extension HTTPFields {
    /// A field whose name no header can have is left out.
    init(listed fields: some Sequence<(name: String, value: String)>) {
        self.init()
        for (name, value) in fields {
            guard let name = HTTPField.Name(name) else { continue }
            append(HTTPField(name: name, value: value))
        }
    }

    var listed: [(name: String, value: String)] { map { ($0.name.rawName, $0.value) } }
}
