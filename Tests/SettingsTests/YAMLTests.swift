import Testing

@testable import Settings

/// The reader of YAML that the configuration is read with.
@Suite("YAML")
struct YAMLTests {
    /// A document in one line: scalars in quotation marks, null as `~`.
    private func shown(_ text: String) -> String {
        do throws(YAML.Problem) {
            return try YAML.document(in: text).map { shown($0) } ?? "nothing"
        } catch {
            return "\(error)"
        }
    }

    private func shown(_ value: YAML) -> String {
        switch value {
        case .scalar(let text, let isNull, _): isNull ? "~" : "'\(text)'"
        case .sequence(let elements, _): "[\(elements.map { shown($0) }.joined(separator: ", "))]"
        case .mapping(let members, _):
            "{\(members.map { "\(shown($0.key)): \(shown($0.value))" }.joined(separator: ", "))}"
        }
    }

    @Test(
        "values are read as they are written",
        arguments: [
            ("", "nothing"), ("# nothing\n", "nothing"), ("---\n", "~"), ("a", "'a'"),
            ("a: 1\nb: [x, {c: d}]\n", "{'a': '1', 'b': ['x', {'c': 'd'}]}"),
            (
                "[~, null, Null, NULL, '', \"~\", nUll, 'null']",
                "[~, ~, ~, ~, '', '~', 'nUll', 'null']"
            ),
            ("[!!null x, !!str ~, ! ~]", "[~, '~', '~']"), ("a:\n", "{'a': ~}"),
            ("a: |\n  one\n  two\n", "{'a': 'one\ntwo\n'}"), ("a: \"\\0\\u00e9\"", "{'a': '\0é'}"),
            ("a: &x [1]\nb: *x\n", "{'a': ['1'], 'b': ['1']}"),
            ("\u{FEFF}a: b\n", "{'a': 'b'}"), ("a: b\n...\n", "{'a': 'b'}"),
        ])
    func values(_ text: String, _ expected: String) { #expect(shown(text) == expected) }

    @Test(
        "what is no document says its line",
        arguments: [
            ("a: b\n---\nc: d\n", YAML.Problem.syntax("there is another document", line: 2)),
            ("a: 1\nb: *x\n", .syntax("found undefined alias", line: 2)),
            ("a:\n  - [\n", .syntax("did not find expected node content", line: 3)),
            ("a: b\nc: \u{1}\n", .syntax("control characters are not allowed", line: 2)),
            ("a: 1\nb: 2\nb: 3\na: 4\n", .duplicateKeys(["a", "b"], line: 1)),
            ("x: {b: 2,\n  b: 3}\n", .duplicateKeys(["b"], line: 1)),
        ])
    func problems(_ text: String, _ expected: YAML.Problem) {
        #expect(throws: expected) { try YAML.document(in: text) }
    }

    @Test("values within values have a limit")
    func depth() {
        let most = String(repeating: "[", count: 63) + "1" + String(repeating: "]", count: 63)
        #expect(shown(most) == most.replacing("1", with: "'1'"))
        #expect(shown("[\(most)]") == "syntax(\"values are nested too deeply\", line: 1)")
        let far = String(repeating: "[", count: 100_000)
        #expect(shown(far) == "syntax(\"values are nested too deeply\", line: 1)")
    }

    @Test("lines are counted from 1")
    func lines() throws {
        let document = try #require(try YAML.document(in: "# one\n\na:\n  - b\n  - c\n"))
        #expect(document.line == 3)
        guard case .mapping(let members, _) = document,
            case .sequence(let elements, let line)? = members.first?.value
        else {
            Issue.record("\(document)")
            return
        }
        #expect(line == 4)
        #expect(elements.map(\.line) == [4, 5])
    }
}
