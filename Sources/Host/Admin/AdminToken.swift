internal import Crypto
internal import Foundation
internal import HostCore
internal import NIOConcurrencyHelpers

/// The secret that a client of the admin API presents over TCP, and the file that has it.
///
/// The host keeps the secret's hash alone, so that no log, error or dump of what it knows has the secret.
package final class AdminToken: Sendable {
    /// 32 hexadecimal digits are 128 bits, which nobody guesses over a network.
    private static let leastLength = 32
    /// Where clients look for it, unless they are told of a file.
    private static let environmentVariable = "BACKPLANE_ADMIN_TOKEN"
    /// More is no token that anybody made.
    private static let mostBytes = 4_096

    private let file: String
    private let digest = NIOLockedValueBox<SHA256.Digest?>(nil)

    /// Admits nobody until ``read()``.
    package init(file: String) {
        self.file = file
    }

    /// Reads the file: at the start, and again when the secret has changed. Blocks on the disk.
    ///
    /// - Throws: ``AdminError`` when the file can't be used; what held before holds on.
    package func read() throws(AdminError) {
        let text = try Self.text(of: file)
        digest.withLockedValue { $0 = SHA256.hash(data: Data(text.utf8)) }
    }

    /// Whether a request's `Authorization` has the secret (RFC 6750, section 2.1). How long it takes says nothing of
    /// where they differ: hashes are compared, and all of their bytes.
    func admits(_ authorization: String?) -> Bool {
        guard let authorization, let digest = digest.withLockedValue({ $0 }) else { return false }
        let parts = authorization.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return false }
        let presented = parts[1].drop { $0 == " " }
        return SHA256.hash(data: Data(presented.utf8)) == digest
    }

    // MARK: The text

    /// The secret in a file that its owner alone may use. Blocks on the disk.
    ///
    /// - Throws: ``AdminError`` that says what to do, without a part of the secret.
    package static func text(of file: String) throws(AdminError) -> String {
        // A FIFO would block the open for ever; the check below keeps to regular files.
        let descriptor = unsafe open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            throw unusable(
                "the admin token's file \(file) can't be read: \(SystemError.current); "
                    + "make one with `(umask 077; openssl rand -hex 32 > \(file))`")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        // Of the file that is open, not of what has its name by now.
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw unusable(
                "the admin token's file \(file) is no regular file; name one that has the token")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw unusable(
                "the admin token's file \(file) is open to others than its owner; "
                    + "run `chmod 600 \(file)`, and make a new token if others may have read it")
        }
        let bytes: Data
        do {
            bytes = try handle.read(upToCount: mostBytes + 1) ?? Data()
        } catch {
            throw AdminError(
                code: .unusableToken,
                message: "the admin token's file \(file) can't be read: "
                    + error.localizedDescription, cause: error)
        }
        // A file ends with a newline, as a rule.
        let text = String(decoding: bytes, as: UTF8.self)
        return try checked(
            text.trimmingCharacters(in: .whitespacesAndNewlines), from: "the file \(file)")
    }

    /// - Parameter origin: where the text is from, for the error.
    /// - Throws: ``AdminError`` when it is too short, or of characters that a header doesn't carry as they are.
    private static func checked(
        _ text: String, from origin: String
    ) throws(AdminError) -> String {
        let count = text.utf8.count
        guard (leastLength...mostBytes).contains(count) else {
            throw unusable(
                "the admin token in \(origin) has \(count > mostBytes ? "too many" : "\(count)") "
                    + "characters: it must have \(leastLength) at least and \(mostBytes) at most; "
                    + "`openssl rand -hex 32` makes one")
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw unusable(
                "the admin token in \(origin) has a blank or a character that is no visible ASCII; "
                    + "`openssl rand -hex 32` makes one without")
        }
        return text
    }

    /// The secret in the environment.
    ///
    /// - Throws: ``AdminError`` when there is none, or when it can't be one.
    package static func textOfEnvironment() throws(AdminError) -> String {
        let text = ProcessInfo.processInfo.environment[environmentVariable] ?? ""
        guard !text.isEmpty else {
            throw unusable(
                "the admin API over TCP wants the host's token: set \(environmentVariable), "
                    + "or name a file with --admin-token-file")
        }
        return try checked(text, from: environmentVariable)
    }

    private static func unusable(_ message: String) -> AdminError {
        AdminError(code: .unusableToken, message: message)
    }
}
