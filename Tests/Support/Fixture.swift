import Foundation
import NIOConcurrencyHelpers

/// The misbehaving plugins of `Tests/Fixtures`, compiled when a test first asks for them.
package enum Fixture {
    private static let directory = Result { try TemporaryDirectory() }
    private static let built = NIOLockedValueBox<[String: String]>([:])

    /// The path of a compiled fixture.
    ///
    /// - Parameters:
    ///   - name: the source's name without its ending.
    ///   - defines: `-D` options, such as `["VERSION=\"2\""]`.
    package static func library(_ name: String, defines: [String] = []) throws -> String {
        let key = ([name] + defines).joined(separator: " ")
        return try built.withLockedValue { built in
            if let path = built[key] { return path }
            let path = try directory.get().file("\(name)-\(built.count).so")
            try compile(
                source: Repository.path("Tests/Fixtures/\(name).c"), to: path,
                options: defines.map { "-D\($0)" })
            built[key] = path
            return path
        }
    }

    /// Compiles C source to a shared library, with the tests' own sanitizer if there is one.
    package static func compile(source: String, to path: String, options: [String] = []) throws {
        var arguments = [
            "-std=c11", "-O1", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-Wall", "-Wextra",
            "-pedantic", "-Werror", "-pthread", "-Wno-unused-command-line-argument", "-I",
            Repository.path("Sources/PluginABI/include"),
        ]
        if let sanitizer = Sanitizer.current {
            arguments.append("-fsanitize=\(sanitizer.rawValue)")
        }
        try Tool.run(compiler, arguments + options + [source, "-o", path])
    }

    /// A sanitized fixture needs the runtime that the host has, which is the Swift toolchain's.
    private static var compiler: String {
        Sanitizer.current == nil ? "cc" : Tool.swiftTool("clang")
    }

    /// Puts a library where a host finds it, as a careful operator would: under a name the host ignores, then renamed.
    package static func place(_ library: String, as name: String, in directory: String) throws {
        let hidden = "\(directory)/.\(name).\(UUID().uuidString)"
        try FileManager.default.copyItem(atPath: library, toPath: hidden)
        guard rename(hidden, "\(directory)/\(name)") == 0 else { throw POSIXError(.EIO) }
    }
}
