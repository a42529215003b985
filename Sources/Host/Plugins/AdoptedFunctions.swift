internal import HostCore
internal import HostForms
internal import HostLoader
internal import HostTypedCalls
internal import NIOCore

#if canImport(Glibc)
internal import Glibc
#endif

/// The functions of a mapped library that a manifest names, found and ready to be called.
struct AdoptedFunctions: Sendable {
    let constructor: TypedFunction?
    let destructor: TypedFunction?
    /// In the manifest's order.
    let methods: [TypedFunction]

    /// - Throws: ``PluginError`` with the place in the manifest, when a function isn't there, or can't be called.
    init(
        _ library: AdoptedLibrary, in handle: UnsafeMutableRawPointer
    ) throws(PluginError) {
        let finder = unsafe Finder(library: library, handle: handle)
        let adoption = library.adoption
        constructor = try finder.function(adoption.constructor)
        destructor = try finder.function(adoption.destructor)
        var methods: [TypedFunction] = []
        for method in adoption.methods { methods.append(try finder.function(method.function)) }
        self.methods = methods
    }

    /// Runs the constructor.
    ///
    /// - Parameter userConfig: its arguments, as JSON; `null` for none.
    func makeInstance(userConfig: String) throws(PluginError) -> UnsafeMutableRawPointer? {
        guard let constructor else { return nil }
        let body = ByteBuffer(string: userConfig == "null" ? "" : userConfig)
        switch unsafe constructor.makeInstance(body: body) {
        case .success(let instance): return unsafe instance
        case .failure(let failure):
            throw PluginError(
                .lifecycleFailed,
                "the constructor \(constructor.name)() failed: \(failure.message); "
                    + "its arguments are the user_config")
        }
    }

    /// Runs the destructor.
    ///
    /// - Returns: why it failed.
    func destroy(_ instance: UnsafeMutableRawPointer?) -> String? {
        guard let destructor, let instance = unsafe instance else { return nil }
        let result = unsafe destructor.call(
            body: ByteBuffer(), contentType: "", query: { "" }, instance: instance)
        if case .failure(let failure) = result { return failure.message }
        return nil
    }
}

/// Looks functions up in a library.
@safe private struct Finder {
    let library: AdoptedLibrary
    let handle: UnsafeMutableRawPointer

    func function(_ function: LibraryBinding.Function?) throws(PluginError) -> TypedFunction? {
        guard let function else { return nil }
        return try self.function(function) as TypedFunction
    }

    func function(_ function: LibraryBinding.Function) throws(PluginError) -> TypedFunction {
        guard let address = unsafe dlsym(handle, function.symbol) else {
            throw refused(function, missing(function.symbol))
        }
        do throws(SignatureError) {
            return try unsafe TypedFunction(
                function.signature, named: function.symbol, at: address,
                find: { name in unsafe LibrarySymbols.find(name, in: handle) })
        } catch {
            throw refused(function, "\(function.symbol): \(error.message)")
        }
    }

    private func missing(_ symbol: String) -> String {
        let name = library.adoption.library
        guard let path = unsafe LibraryLocation.path(of: handle),
            let symbols = try? ELFSymbols(of: path)
        else { return "\(name) has no function \(symbol)" }
        if symbols.exported.contains(where: { $0.name == symbol && !$0.isDefault }) {
            return "\(name) keeps \(symbol) only for programs that were linked with an old version"
        }
        let near = NearestName.several(symbol, among: symbols.functions, count: 3)
        return "\(name) has no function \(symbol)"
            + (near.isEmpty
                ? "; `backplane inspect \(name)` lists what it has"
                : "; did you mean \(near.joined(separator: ", "))?")
    }

    private func refused(_ function: LibraryBinding.Function, _ why: String) -> PluginError {
        PluginError(.invalidManifest, "\(library.named(function.place)): \(why)")
    }
}
