internal import CLinux
internal import HostCore
internal import NIOConcurrencyHelpers

#if canImport(Glibc)
internal import Glibc
#endif

/// The program that workers run, opened once: another one that takes its place on the disk is of no concern to this
/// host.
package final class WorkerExecutable: Sendable {
    package static let name = "backplane-worker"

    package let path: String
    private let opened = NIOLockedValueBox<CInt?>(nil)

    /// - Parameter path: nil: ``name``, in the directory of the running program.
    package init(path: String? = nil) {
        self.path = path ?? "\(Self.ownDirectory)/\(Self.name)"
    }

    private static var ownDirectory: String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            unsafe readlink(
                "/proc/self/exe", bytes.baseAddress!.assumingMemoryBound(to: CChar.self),
                bytes.count)
        }
        let path = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }

    /// A descriptor of it, open as long as the host runs.
    ///
    /// - Throws: ``PluginError`` when it is not there, or not to be executed.
    func descriptor() throws(PluginError) -> CInt {
        do {
            return try opened.withLockedValue { opened in
                if let opened { return opened }
                guard unsafe access(path, X_OK) == 0 else { throw missing(SystemError.current) }
                let descriptor = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
                guard descriptor >= 0 else { throw missing(SystemError.current) }
                opened = descriptor
                return descriptor
            }
        } catch let error as PluginError {
            throw error
        } catch {
            throw missing("\(error)")
        }
    }

    /// Opens it, if it is there: whether it is needed, plugins will say.
    package func open() { _ = try? descriptor() }

    private func missing(_ reason: String) -> PluginError {
        PluginError(
            .lifecycleFailed,
            "a worker process can't be started: \(path): \(reason); put \(Self.name) beside the host's "
                + "program, or name it with --worker")
    }
}
