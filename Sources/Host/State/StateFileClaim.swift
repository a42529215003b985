internal import Foundation
internal import NIOConcurrencyHelpers

/// A file that one part of this process has for itself.
///
/// SQLite's locks keep other processes away. Within one they are lost as soon as anybody closes the file, as a look at
/// its header does; so nobody may look who doesn't hold the claim.
final class StateFileClaim: Sendable {
    /// Which file it is, whatever it is called.
    struct Identity: Hashable {
        let device: Int
        let file: Int

        /// - Returns: nil when there is no such file.
        init?(_ path: String) {
            let path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
            guard let attributes = try? FileManager.default.attributesOfItem(atPath: path),
                let device = attributes[.systemNumber] as? Int,
                let file = attributes[.systemFileNumber] as? Int
            else { return nil }
            (self.device, self.file) = (device, file)
        }
    }

    private static let claimed = NIOLockedValueBox<Set<Identity>>([])

    let path: String
    let identity: Identity

    /// - Returns: nil when the file is claimed, under whatever name, or has gone.
    init?(_ path: String) {
        guard let identity = Identity(path) else { return nil }
        guard Self.claimed.withLockedValue({ $0.insert(identity).inserted }) else { return nil }
        self.path = path
        self.identity = identity
    }

    /// Once the file is closed.
    func release() {
        Self.claimed.withLockedValue { _ = $0.remove(identity) }
    }
}
