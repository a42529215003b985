/// What somebody who knows a type by another language's name is told to write.
enum ForeignTypes {
    /// Why a name is no type, and what to write in place of it.
    static func message(for name: String) -> String {
        let isReserved = SignatureParser.reserved.contains(name)
        let found = isReserved ? "expected a type, found \(name)" : "there is no type \(name)"
        if let advice = advice(on: name) { return "\(found): \(advice)" }
        return isReserved ? found : "\(found): use i64, f64, string, ..., or declare it"
    }

    private static func advice(on name: String) -> String? {
        if let type = names[name] ?? names[name.lowercased()] { return "write \(type)" }
        return words[name]
    }

    /// C's names, on the machines that the host runs on, and those of some others.
    private static let names: [String: String] = {
        var names = [
            "_Bool": "bool", "boolean": "bool",
            "char": "string for a text (char *), or \(character)",
            "byte": "u8", "short": "i16", "int": "i32", "signed": "i32", "unsigned": "u32",
            "uint": "u32", "long": "i64", "longlong": "i64", "ulong": "u64", "ushort": "u16",
            "uchar": "u8", "size_t": "size", "usize": "size", "ssize_t": "i64", "isize": "i64",
            "ptrdiff_t": "i64", "intptr_t": "i64", "uintptr_t": "u64", "off_t": "i64",
            "time_t": "i64", "float": "f32", "double": "f64", "number": "f64", "real": "f64",
            "str": "string", "cstring": "string", "text": "string", "blob": "bytes",
            "buffer": "bytes", "ptr": "pointer",
            // Swift's are as long as a pointer.
            "Int": "i64", "UInt": "u64",
        ]
        for bits in [8, 16, 32, 64] {
            for name in ["int\(bits)_t", "int\(bits)", "s\(bits)"] { names[name] = "i\(bits)" }
            for name in ["uint\(bits)_t", "uint\(bits)"] { names[name] = "u\(bits)" }
            names["float\(bits)"] = bits >= 32 ? "f\(bits)" : nil
        }
        return names
    }()

    /// C's words that are no type by themselves.
    private static let words = [
        "const": "leave const out: '*' and string are read, out and inout are written",
        "void": "write pointer for a void *, which can only be null",
        "struct": "write its fields, {x: f64, y: f64}, or the name of a declared type",
        "union": "a signature can't have a union: write a plugin, or a C function around it",
        "va_list": "a signature can't have a varying number of arguments",
        "FILE": "a signature can't have a handle besides self: write a plugin",
    ]

    /// `char`, which is unsigned on ARM.
    #if arch(arm64)
    private static let character = "u8"
    #else
    private static let character = "i8"
    #endif
}
