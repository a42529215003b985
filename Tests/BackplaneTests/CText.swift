import Foundation
import NIOConcurrencyHelpers

/// A C string that is passed as a native object, and knows when it was given back.
final class CText: @unchecked Sendable {
    // Sendable: the memory is constant until it is released.
    let address: UnsafeRawPointer
    private let released = NIOLockedValueBox(0)

    init(_ text: String) {
        address = UnsafeRawPointer(strdup(text)!)
    }

    func release() {
        released.withLockedValue { $0 += 1 }
        free(UnsafeMutableRawPointer(mutating: address))
    }

    /// Once, and no more.
    var isReleased: Bool { released.withLockedValue { $0 } == 1 }
}
