import Foundation
import Testing

/// The catalogue's page of records promises nothing that no test shows.
@Suite("Records page")
struct RecordsPageTests {
    private static let rows: [[String]] = {
        let text = SourceFile.text(at: "Sources/Gateway/Gateway.docc/Records.md") ?? ""
        return text.split(separator: "\n").filter { $0.hasPrefix("| ") }
            .map { line in line.split(separator: "|").map { String($0) } }
            .filter { !$0[0].hasPrefix(" clause ") && !$0[0].hasPrefix(" --- ") }
    }()

    @Test("each requirement names tests that exist, or says why there is none")
    func tests() {
        let names = StatementNames(SourceFile.all)
        for row in Self.rows {
            guard row.count == 4 else {
                Issue.record("not four cells: \(row)")
                continue
            }
            let tests = row[3].split(separator: "`").map(String.init).filter { $0.contains("/") }
            let isExcused = row[3].hasPrefix(" – ")
            #expect(tests.isEmpty == isExcused, "no test: \(row[0]), \(row[1])")
            for test in tests { #expect(names.byTest[test] != nil, "\(test) does not exist") }
        }
        #expect(Self.rows.count > 60)
    }

    @Test("each case of a table that a requirement names is in it")
    func cases() {
        let known = Set(
            SourceFile.all.filter { $0.target == "TLSTests" }.flatMap(\.lines)
                .compactMap(Self.caseName))
        var count = 0
        for row in Self.rows where row.count == 4 {
            let parts = row[3].split(separator: "*", omittingEmptySubsequences: false)
            for (index, name) in parts.enumerated() where index % 2 == 1 {
                count += 1
                #expect(known.contains(String(name)), "no case: \(name)")
            }
        }
        #expect(count > 40)
    }

    /// Of a line with `Case("name"`.
    private static func caseName(in line: String) -> String? {
        guard let start = line.range(of: "Case(\"")?.upperBound,
            let end = line[start...].firstIndex(of: "\"")
        else { return nil }
        return String(line[start..<end])
    }
}
