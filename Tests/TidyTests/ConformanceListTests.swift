import Testing

/// The catalogue's list of statements and the tests that show them agree.
@Suite("Conformance list")
struct ConformanceListTests {
    /// A line of the list.
    private struct Row {
        /// As `StatementNames` has it.
        let statement: String
        let tests: [String]

        /// Why there is no test.
        let reason: String?
    }

    private static let rows: [Row] = {
        let path = "Sources/Gateway/Gateway.docc/Conformance.md"
        let text = SourceFile.texts(under: ["Sources"]).first { $0.path == path }?.text ?? ""
        var rows: [Row] = []
        var isOld = false
        for line in text.split(separator: "\n") {
            if line.hasPrefix("## ") { isOld = line.hasSuffix("3.1.1") }
            let cells = line.split(separator: "|").map { cell in
                String(cell.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
            }
            guard cells.count == 3, cells[0].hasPrefix("MQTT-") else { continue }
            let isTested = cells[2].hasPrefix("`")
            rows.append(
                Row(
                    statement: (isOld ? "v3 " : "") + cells[0],
                    tests: isTested
                        ? cells[2].split(separator: "`").map { String($0) }
                            .filter { $0.contains("/") } : [],
                    reason: isTested ? nil : cells[2]
                )
            )
        }
        return rows
    }()

    @Test("each statement is listed once, with tests that exist and name it, or a reason")
    func rows() {
        let names = StatementNames(SourceFile.all)
        var seen: Set<String> = []
        for row in Self.rows {
            #expect(seen.insert(row.statement).inserted, "\(row.statement) is listed twice")
            #expect(!row.tests.isEmpty || row.reason?.hasPrefix("– ") == true, "\(row.statement)")
            for test in row.tests {
                #expect(
                    names.byTest[test]?.contains(row.statement) == true,
                    "\(test) does not exist, or does not name \(row.statement)"
                )
            }
        }
        #expect(Self.rows.count > 300)
    }

    @Test("each statement that a test of conformance names is listed")
    func complete() {
        let listed = Set(Self.rows.map(\.statement))
        for (test, statements) in StatementNames(SourceFile.all).byTest
        where test.hasPrefix("ConformanceTests/") {
            for statement in statements {
                #expect(listed.contains(statement), "\(test): \(statement)")
            }
        }
    }

    @Test("the numbers of 3.1.1 are told from those of 5.0")
    func versions() {
        #expect(
            StatementNames.named(
                in: "[MQTT-1.1.1-1], [MQTT-1.1.1-2] and [MQTT-2.2.2-1] of 3.1.1: x")
                == ["MQTT-1.1.1-1", "MQTT-1.1.1-2", "v3 MQTT-2.2.2-1"])
    }
}
