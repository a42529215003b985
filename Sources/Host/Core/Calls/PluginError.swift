/// Why a plugin's library could not be taken into service, or a lifecycle function of it failed.
///
/// A plugin that misbehaves is an operating error: it reaches the operator as ``message`` in `list` and in the log.
package struct PluginError: Error, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable {
        /// The file could not be read or copied.
        case unreadable
        /// The file is not a shared library for this machine, or not all of one.
        case notALibrary
        /// The dynamic linker refused it.
        case linkFailed
        /// It has no entry symbol, another ABI, or a descriptor that breaks the contract.
        case invalidDescriptor
        /// A lifecycle function (`load`, `create`, `warm_up`, ...) returned a status other than OK.
        case lifecycleFailed
        /// What it offers can't be had from another process than the host's.
        case needsHostProcess
        /// The process that it ran in ended.
        case workerEnded
        /// A lifecycle function did not return in time.
        case timedOut
        /// Another file has the plugin's name.
        case duplicateName
        /// The manifest beside the library says something that the host or the plugin can't do.
        case invalidManifest
        /// The host ended the last time this content was loaded.
        case heldBack
        /// As many generations are still mapped as the configuration allows.
        case tooManyGenerations
    }

    package var code: Code
    /// What happened and what to do next, one line for people.
    package var message: String
    package var cause: (any Error)?
    /// Whether a library is left mapped that nobody has a use for.
    package var leavesMapping = false
    /// Whether the new version serves all the same: what went wrong came after that.
    package var servesAllTheSame = false
    /// Other files than the plugin's own that have to do with it: a change of one may mend it.
    package var files: [String] = []

    package init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }

    /// - Parameter what: the function that did not return, or what was waited for.
    package static func timedOut(_ what: String, after limit: Duration) -> PluginError {
        PluginError(.timedOut, "\(what) did not return within \(limit)")
    }

    package var description: String { message }
}
