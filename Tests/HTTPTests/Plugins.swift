import TestSupport

/// The plugins that the tests call, as `TestHost.run` takes them.
enum Plugins {
    static let echo = ["libecho.so": Repository.product("libecho.so")]

    /// Echo and these fixtures.
    static func echo(and fixtures: String...) throws -> [String: String] {
        var plugins = echo
        for name in fixtures { plugins["lib\(name).so"] = try Fixture.library(name) }
        return plugins
    }
}
