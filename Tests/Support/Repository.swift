package import Foundation

/// Where things are while the tests run.
package enum Repository {
    /// The project's root.
    package static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The build directory that the tests come from, with the host and the example plugins in it.
    package static let products = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
        .deletingLastPathComponent()

    private static let plainProducts = ProcessInfo.processInfo.environment[
        "BACKPLANE_PLAIN_PRODUCTS"]

    package static func path(_ relative: String) -> String {
        root.appendingPathComponent(relative).path
    }

    package static func product(_ name: String) -> String {
        // A Swift library with ThreadSanitizer can't be loaded into a program: scripts/sanitize builds it without.
        if name == "libcounter.so", let directory = plainProducts { return "\(directory)/\(name)" }
        return products.appendingPathComponent(name).path
    }
}

extension Repository {
    /// Whether there is the program `backplane`, beside the library: not in the slim package.
    package static var hasProgram: Bool {
        FileManager.default.isExecutableFile(atPath: product("backplane"))
    }
}

/// Which sanitizer this run of the tests is built with.
package enum Sanitizer: String {
    case thread
    case address

    package static let current = ProcessInfo.processInfo.environment["BACKPLANE_SANITIZE"]
        .flatMap(Sanitizer.init)
}
