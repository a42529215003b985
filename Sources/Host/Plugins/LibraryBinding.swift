package import HostTypedCalls

/// A library that knows nothing of Backplane, and how its functions are called: what a manifest says in place of the
/// descriptor that a plugin has.
package struct LibraryBinding: Sendable, Equatable {
    /// A place in the manifest, both from 1.
    package struct Place: Sendable {
        package let line: Int
        package let column: Int

        package init(line: Int, column: Int) {
            self.line = line
            self.column = column
        }
    }

    /// A C function of the library.
    package struct Function: Sendable, Equatable {
        package let symbol: String
        package let signature: Signature
        /// Where the manifest names it.
        package let place: Place?

        package init(symbol: String, signature: Signature, place: Place?) {
            self.symbol = symbol
            self.signature = signature
            self.place = place
        }

        /// Whether they are called alike; it doesn't matter where they stand.
        package static func == (a: Function, b: Function) -> Bool {
            a.symbol == b.symbol && a.signature.text == b.signature.text
        }
    }

    package struct Method: Sendable, Equatable {
        package let name: String
        package let description: String
        package let isInline: Bool
        /// Whether it may run beside others in one replica; nil: as the library's do.
        package var isReentrant: Bool?
        /// Whether a call that is made again has the effect of one.
        package var isIdempotent = false
        package let function: Function

        package init(name: String, description: String, isInline: Bool, function: Function) {
            self.name = name
            self.description = description
            self.isInline = isInline
            self.function = function
        }
    }

    /// A soname, a path, or the name of a file beside the manifest.
    package var library: String
    package var place: Place?
    /// Whether one replica may run several of its functions at a time, unless a method says otherwise.
    package var isReentrant: Bool
    /// The declarations that its signatures may use, as they were written.
    package var types: [String] = []
    /// Makes what `self` is; its arguments come from the `user_config`.
    package var constructor: Function?
    package var destructor: Function?
    /// In the manifest's order.
    package var methods: [Method] = []

    package init(library: String, place: Place?, isReentrant: Bool) {
        self.library = library
        self.place = place
        self.isReentrant = isReentrant
    }

    /// Whether they offer the same; it doesn't matter where it stands.
    package static func == (a: LibraryBinding, b: LibraryBinding) -> Bool {
        a.library == b.library && a.isReentrant == b.isReentrant && a.types == b.types
            && a.constructor == b.constructor && a.destructor == b.destructor
            && a.methods == b.methods
    }
}
