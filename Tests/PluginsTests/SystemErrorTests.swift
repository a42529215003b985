import Foundation
import HostCore
import NIOCore
import Testing

/// Errors of others, in words for people.
@Suite("Reasons of errors")
struct SystemErrorTests {
    @Test("What SwiftNIO throws is what the system says")
    func nio() {
        #expect(
            SystemError.reason(of: IOError(errnoCode: EADDRINUSE, reason: "bind(descriptor:)"))
                == "Address already in use")
        #expect(
            SystemError.reason(of: SocketAddressError.failedToParseIPString("1.2.3"))
                == "1.2.3 is no IP address")
        #expect(
            SystemError.reason(of: SocketAddressError.unixDomainSocketPathTooLong)
                == "the path is too long for a Unix socket")
    }

    @Test("What Foundation throws is what the system says")
    func foundation() {
        #expect(throws: (any Error).self) {
            try Data("x".utf8).write(to: URL(fileURLWithPath: "/proc/no/such/file"))
        }
        do {
            try Data("x".utf8).write(to: URL(fileURLWithPath: "/proc/no/such/file"))
        } catch {
            #expect(SystemError.reason(of: error) == "No such file or directory")
        }
        #expect(SystemError.reason(of: POSIXError(.ENOSPC)) == "No space left on device")
    }

    @Test("The host's own errors are taken at their word, in one line")
    func own() {
        #expect(SystemError.reason(of: PluginError(.timedOut, "two\nlines")) == "two lines")
        #expect(SystemError.reasonOfForeign(PluginError(.timedOut, "late")) == nil)
    }
}
