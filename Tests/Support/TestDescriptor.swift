import HostLoader
package import HostPlugins

/// What a library says of itself.
package enum TestDescriptor {
    package static func of(_ fixture: String) throws -> PluginDescriptor {
        let library =
            fixture == "echo" ? Repository.product("libecho.so") : try Fixture.library(fixture)
        let store = try LibraryStore()
        let copy = try store.copy(library, name: fixture)
        return try PluginGeneration.load(copy, from: store, number: 1, logger: TestLog().logger)
            .descriptor
    }
}
