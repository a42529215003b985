package import Logging
internal import Synchronization

/// What a plugin did against the contract: counted, and logged with the plugin's name.
///
/// A plugin may do it a million times a second, so the log has the first time and then each doubling.
package final class PluginConduct: Sendable {
    package enum Misuse: Sendable, CaseIterable {
        /// It finished a call that is finished already, or that never was.
        case finishedTwice
        /// `invoke` returned with a call unfinished, and the method is not ASYNC.
        case leftUnfinished
        /// It used a handle that is closed already, or that never was.
        case closedHandle
        /// It passed a struct that can't be used.
        case invalidStruct
        /// A typed method returned what its signature excludes.
        case brokenSignature

        var message: String {
            switch self {
            case .finishedTwice:
                "the plugin used a call after it was finished; ignored"
            case .leftUnfinished:
                "the plugin returned from invoke without finishing a call; answered INTERNAL "
                    + "(mark the method BACKPLANE_METHOD_ASYNC if it finishes calls later)"
            case .closedHandle: "the plugin used a handle after it was closed; ignored"
            case .invalidStruct: "the plugin passed a struct that breaks the contract"
            case .brokenSignature:
                "a typed method returned what its signature excludes; answered INTERNAL"
            }
        }
    }

    package let logger: Logger
    private let finishedTwice = Atomic<Int>(0)
    private let leftUnfinished = Atomic<Int>(0)
    private let closedHandle = Atomic<Int>(0)
    private let invalidStruct = Atomic<Int>(0)
    private let brokenSignature = Atomic<Int>(0)

    package init(logger: Logger) {
        self.logger = logger
    }

    /// How often the plugin broke the contract, by kind.
    package func count(_ misuse: Misuse) -> Int {
        counter(misuse) { $0.load(ordering: .relaxed) }
    }

    package var total: Int { Misuse.allCases.reduce(0) { $0 + count($1) } }

    func record(_ misuse: Misuse) {
        let count = counter(misuse) { $0.add(1, ordering: .relaxed).newValue }
        guard count & (count - 1) == 0 else { return }
        logger.warning("\(misuse.message)", metadata: ["count": "\(count)"])
    }

    private func counter<Value>(_ misuse: Misuse, _ body: (borrowing Atomic<Int>) -> Value) -> Value
    {
        switch misuse {
        case .finishedTwice: body(finishedTwice)
        case .leftUnfinished: body(leftUnfinished)
        case .closedHandle: body(closedHandle)
        case .invalidStruct: body(invalidStruct)
        case .brokenSignature: body(brokenSignature)
        }
    }
}
