package import Logging
internal import Synchronization

/// What a plugin did against the contract: counted, and logged with the plugin's name.
///
/// A plugin may do it a million times a second, so the log has the first time and then each doubling.
package final class ContractViolations: Sendable {
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
        /// A stage of it changed or decided a request when that was over, or not its to change.
        case passageOutOfTurn
        /// `on_request` returned with the request undecided, and the stage is not ASYNC; or it took too long.
        case leftUndecided

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
            case .passageOutOfTurn:
                "the plugin's stage changed or decided a request out of its turn; ignored"
            case .leftUndecided:
                "the plugin's stage left a request undecided; answered in its place "
                    + "(flag it BACKPLANE_MIDDLEWARE_ASYNC if it decides later)"
            }
        }
    }

    package let logger: Logger
    private let finishedTwice = Atomic<Int>(0)
    private let leftUnfinished = Atomic<Int>(0)
    private let closedHandle = Atomic<Int>(0)
    private let invalidStruct = Atomic<Int>(0)
    private let brokenSignature = Atomic<Int>(0)
    private let passageOutOfTurn = Atomic<Int>(0)
    private let leftUndecided = Atomic<Int>(0)

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
        case .passageOutOfTurn: body(passageOutOfTurn)
        case .leftUndecided: body(leftUndecided)
        }
    }
}
