package import HostCore
package import NIOCore

/// What a caller asks, before it is known which backend gets it.
package struct CallPlan: Sendable {
    /// The endpoint by which the call came; nil: none.
    package var endpoint: String?
    /// The method's name.
    package var method: String
    package var argument: ByteBuffer
    package var contentType: String
    /// Shortens the backend's own `request_timeout`, and never extends it.
    package var timeout: Duration?
    /// A deadline that the call's own can't pass.
    package var limit: NIODeadline?
    package var native: NativeObject?
    /// A replica that is not to get the call if another one is free.
    package var avoided: ReplicaID?
    /// Whether an INLINE method may run on the thread that submits the call.
    package var mayRunInline = true
    /// Whether it is a shadow's call, or one that such a call has led to. These get no shadows: a shadow that calls its
    /// own endpoint would go on for ever.
    package var isInShadow = false

    /// What counts the argument's bytes, for as long as somebody refers to it; nil: nobody counts them.
    package var argumentHold: (any AnyObject & Sendable)?

    package init(method: String, argument: ByteBuffer, contentType: String) {
        self.method = method
        self.argument = argument
        self.contentType = contentType
    }

    /// The same for a shadow: the shadow's own limits alone hold for it, and it never runs on the thread that submits
    /// it.
    package func asShadow() -> CallPlan {
        var plan = self
        plan.timeout = nil
        plan.limit = nil
        plan.mayRunInline = false
        plan.isInShadow = true
        return plan
    }
}
