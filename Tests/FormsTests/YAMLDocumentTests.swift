import Testing

@testable import HostForms

@Suite struct YAMLDocumentTests {
    private func message(_ yaml: String) -> String {
        do {
            return "accepted: \(try YAMLDocument.parse(yaml).value.text)"
        } catch {
            return error.description
        }
    }

    @Test(
        "what YAML allows and a configuration must not have is refused with its place",
        arguments: [
            (
                "a: &x 1\nb: 2",
                "1:4: a: anchors are not supported (&x): write the value where it is needed"
            ),
            ("&x a: 1", "1:1: anchors are not supported (&x): write the value where it is needed"),
            (
                "a: &x {b: 1}\nc: *x",
                "2:4: aliases are not supported: write the value where it is needed"
            ),
            ("a: {b: *x}", "1:8: aliases are not supported: write the value where it is needed"),
            ("a: {<<: {b: 1}}", "1:5: a: merge keys (<<) are not supported"),
            ("a: !!int '1'", "1:4: a: the tag tag:yaml.org,2002:int is not supported"),
            ("a: !thing x", "1:4: a: the tag !thing is not supported"),
            ("? [a, b]\n: c", "1:3: a key must be text"),
            ("a: 1\n---\nb: 2", "2:1: a second document is not supported"),
        ])
    func refused(yaml: String, expected: String) {
        #expect(message(yaml) == expected)
    }

    @Test(
        "a key that stands twice in a mapping is refused where it stands again",
        arguments: [
            ("a: 1\nb: 2\na: 3", "3:1: the key a twice: the first one is at 1:1"),
            (
                "x:\n  b: 1\n  'b': 2\n",
                "3:3: x has the key b twice: the first one is at 2:3"
            ),
            (
                "x: {aa: 1, b: 2, aa: 3, b: 4}",
                "1:18: x has the key aa twice: the first one is at 1:5"
            ),
            ("a: 1\na: 2\na: 3", "2:1: the key a twice: the first one is at 1:1"),
            ("\"a\": 1\r\n\"a\": 2", "2:1: the key a twice: the first one is at 1:1"),
            (
                "x: {c: {}, c: {}}\ny: {c: {}, c: {}}",
                "1:12: x has the key c twice: the first one is at 1:5"
            ),
            ("1: a\n\"1\": b", "2:1: the key 1 twice: the first one is at 1:1"),
            ("? |\n  a\n: 1\n? |\n  a\n: 2", #"1:3: the mapping has the key "a\n" twice"#),
        ])
    func duplicates(yaml: String, expected: String) {
        #expect(message(yaml) == expected)
    }

    @Test(
        "what is no YAML is refused with its place",
        arguments: [
            (
                "a: [1",
                "1:6: no YAML: while parsing a flow sequence: did not find expected ',' or ']'"
            ),
            ("a:\n\tb: 1", "2:1: no YAML: a tab can't indent: use spaces"),
            ("a: b: c", "1:5: no YAML: mapping values are not allowed in this context"),
            ("a: 1\nb: \u{1}", "2:4: no YAML: control characters are not allowed"),
            ("a: 'x", "1:6: no YAML: found unexpected end of stream"),
            ("a: @x", "1:4: no YAML: found character that cannot start any token"),
        ])
    func syntax(yaml: String, expected: String) {
        #expect(message(yaml) == expected)
    }

    @Test("keys are texts, whatever they look like, and values what they look like")
    func keys() {
        #expect(
            message("{1: a, yes: b, null: c, counter:v1: d, 1.0: 1.0, '<<': e, \u{E4}: \"1\"}")
                == #"accepted: {"1":"a","1.0":1.0,"<<":"e","counter:v1":"d","null":"c","yes":"b","ä":"1"}"#
        )
        #expect(message("!!str 1") == #"accepted: "1""#)
        #expect(message("\u{FEFF}a: 1") == #"accepted: {"a":1}"#)
        #expect(message("a: '&x'\nb: /echo/*") == #"accepted: {"a":"&x","b":"/echo/*"}"#)
    }

    @Test("an empty document is null", arguments: ["", "\n", "# nothing\n", "---\n", "~"])
    func empty(yaml: String) {
        #expect(message(yaml) == "accepted: null")
    }

    @Test("a key that stands there very often is refused without an end of rounds")
    func manyDuplicates() {
        #expect(
            message(String(repeating: "a:\n", count: 20_000))
                .hasSuffix("the mapping has the key a twice"))
    }

    @Test("depth has a limit, however it is written", arguments: [65, 500, 2_000, 100_000])
    func depth(depth: Int) {
        let flow = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        #expect(message(flow).hasSuffix("lists and mappings are nested too deep"))
        let block = String(repeating: "- ", count: depth) + "a"
        #expect(message(block).hasSuffix("lists and mappings are nested too deep"))
        let open = String(repeating: "{a: ", count: depth)
        #expect(message(open).hasPrefix("accepted") == false)
    }

    @Test("up to the limit, depth is fine")
    func allowedDepth() {
        let flow = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(message(flow) == "accepted: \(flow)")
    }

    @Test("aliases of aliases end at the first one, as values and as keys")
    func expansion() {
        var lines = ["a0: &a0 [x, x]"]
        for level in 1...40 {
            lines.append("a\(level): &a\(level) [*a\(level - 1), *a\(level - 1)]")
        }
        let yaml = (lines + ["? *a40 ", ": 1"]).joined(separator: "\n")
        #expect(
            message(yaml)
                == "2:10: aliases are not supported: write the value where it is needed")
    }

    @Test("a text over the limit is not even parsed")
    func size() {
        let yaml = "a: " + String(repeating: "x", count: 1 << 20)
        #expect(message(yaml) == "can't be read: it has more than 1048576 bytes")
    }
}
