/// A node of the tree that Clang prints as JSON, with the members that are of interest here.
struct ClangSyntaxTree: Decodable {
    struct TypeText: Decodable {
        let qualType: String
    }

    struct Reference: Decodable {
        let id: String
        let kind: String
        /// Empty: a struct, union or enum without a name of its own.
        let name: String?
    }

    let id: String?
    let kind: String?
    let name: String?
    let type: TypeText?
    let inner: [ClangSyntaxTree]?
    /// `struct` or `union`.
    let tagUsed: String?
    let completeDefinition: Bool?
    let isBitfield: Bool?
    let storageClass: String?
    let variadic: Bool?
    /// The value of a constant expression; other nodes have others.
    let value: Value?
    let ownedTagDecl: Reference?

    /// A constant's value is text; what else is called so is not of interest.
    struct Value: Decodable {
        let text: String?

        init(from decoder: any Decoder) throws {
            text = try? decoder.singleValueContainer().decode(String.self)
        }
    }
}
