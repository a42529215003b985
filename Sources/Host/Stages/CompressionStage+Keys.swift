internal import HostForms
internal import HostPipeline

extension CompressionStage {
    struct Options: Sendable, Equatable {
        var types = defaultTypes
        var minSize = 1024
        var level = 6
        var requests = true
        var maxRequestSize = 16 << 20
    }

    /// What is text, whatever it calls itself; images, sound, archives are packed already.
    static let defaultTypes = [
        "text/*", "application/json", "application/*+json", "application/x-ndjson",
        "application/xml", "application/*+xml", "application/javascript", "application/yaml",
        "application/wasm", "image/svg+xml",
    ]

    static let kind = MiddlewareKind(
        "compression", "Packs answers and unpacks requests: gzip and deflate.",
        .mapping(keys, from: Options(), such: "{min_size: 256}"), initial: Options()
    ) { (options, _) throws(ConfigurationError) in CompressionStage(options) }

    private static let keys: [ConfigurationKey<Options>] = [
        .defaulted(
            "types", \.types, .list(of: type, such: "[text/*, application/json]"),
            unless: Options().types,
            "The content types of answers that are packed; a subtype may have an asterisk."),
        .defaulted(
            "min_size", \.minSize, .count(0...1 << 30), unless: Options().minSize,
            "The smallest answer that is packed, in bytes; streamed ones always are. Default: 1024."
        ),
        .defaulted(
            "level", \.level, .count(1...9), unless: Options().level,
            "How hard to try: 1 is fast, 9 makes answers smallest. Default: 6."),
        .defaulted(
            "requests", \.requests, .flag, unless: Options().requests,
            "Whether requests with a content-encoding are unpacked for the plugin. Default: true."),
        .defaulted(
            "max_request_size", \.maxRequestSize, .count(1...1 << 30),
            unless: Options().maxRequestSize,
            "The largest request body once unpacked, in bytes. Default: 16777216."),
    ]

    private static let type = ConfigurationForm<String>.text("a content type, such as text/*")
        .checked { (text, node, path) throws(ConfigurationError) in
            guard MediaTypePatterns.isPattern(text) else {
                throw .wrongValue(node, path, "a content type, such as text/* or application/json")
            }
        }
}
