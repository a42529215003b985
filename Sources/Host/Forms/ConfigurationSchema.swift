/// JSON Schemas of the configuration, draft 2020-12, for editors. They come from the tables that read it.
package enum ConfigurationSchema {
    package static func document(
        _ form: ConfigurationForm<some Sendable>, title: String, about: String
    ) -> JSONValue {
        .object(
            form.schema.merging([
                "$schema": "https://json-schema.org/draft/2020-12/schema", "title": .string(title),
                "description": .string(about),
            ]) { $1 })
    }
}
