import Foundation
import HostCore
import HostLoader
import HostPlugins
import Logging
import Synchronization
import TestSupport
import Testing

/// A plugin with one instance, loaded as a deployment loads it; finalized with the object.
final class LoadedPlugin: Sendable {
    let store: LibraryStore
    let generation: PluginGeneration
    let instance: PluginInstance
    let log: TestLog
    private let isFinalized = Atomic(false)

    /// - Parameter library: a library's path.
    init(
        _ library: String, store: LibraryStore? = nil, backend: String = "test", replica: Int = 0,
        userConfig: String = "null"
    ) throws {
        self.store = try store ?? LibraryStore()
        log = TestLog()
        var logger = log.logger
        logger[metadataKey: "plugin"] = "test"
        generation = try Self.load(library, from: self.store, logger: logger)
        instance = try PluginInstance(
            of: generation, replica: replica, backend: backend, userConfig: userConfig)
    }

    convenience init(fixture name: String, defines: [String] = []) throws {
        try self.init(Fixture.library(name, defines: defines))
    }

    deinit {
        if !isFinalized.load(ordering: .relaxed) { _ = finalize() }
    }

    /// Destroys the instance and unloads the library. Nothing may be called after that.
    ///
    /// - Returns: whether the library was unmapped.
    func finalize() -> Bool {
        isFinalized.store(true, ordering: .relaxed)
        instance.destroy()
        return generation.unload()
    }

    static func load(
        _ library: String, from store: LibraryStore, logger: Logger = TestLog().quiet
    ) throws -> PluginGeneration {
        try PluginGeneration.load(
            try store.copy(library, name: "test"), from: store, number: 1, logger: logger)
    }

    /// Why a library is refused, whether by its file, its descriptor or its `load`.
    static func refusal(
        of library: String, sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> PluginError {
        let store = try LibraryStore()
        return try #require(throws: PluginError.self, sourceLocation: sourceLocation) {
            try load(library, from: store)
        }
    }

    /// Runs a call on this thread.
    @discardableResult
    func run(
        _ call: TestCall, _ method: String = CallMetadata.defaultMethod
    ) throws -> TestCall {
        try run([call], method)
        return call
    }

    /// Runs a batch on this thread.
    func run(_ calls: [TestCall], _ method: String = CallMetadata.defaultMethod) throws {
        let index = try #require(generation.descriptor.methodIndex(named: method))
        instance.invoke(method: index, calls: calls)
    }

    /// Calls a method with a body, on this thread.
    @discardableResult
    func call(
        _ method: String = CallMetadata.defaultMethod, _ body: String = ""
    ) throws -> TestCall {
        try run(TestCall(body), method)
    }
}
