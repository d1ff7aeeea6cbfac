import Foundation
import Processes
import Storage
import Support
import Testing

@testable import Ledger

/// Stores of other formats than this program's, as an operator meets them.
@Suite("Formats of stores", .waits)
struct FormatTests {
    /// The ledger's format that this program writes.
    private static let known = Books.format.current

    /// A program whose data are the golden stores of format 1.
    private func furnished() throws -> Program {
        let program = try Program()
        let golden = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appending(path: "Golden/store-format-1")
        try FileManager.default.copyItem(
            at: golden, to: program.directory.appending(path: "data"))
        return program
    }

    @Test("check and backup take older stores as they are; check says what serve will do")
    func older() throws {
        let program = try furnished()
        defer { program.remove() }
        let text = """
            the books balance
            ledger format 1, usage format 1: `tollgate serve` will migrate them to \(Self.known) and 4

            """
        for _ in 0..<2 {
            let check = try program.run(["check"])
            #expect(check.code == 0 && check.output == text, "\(check.errors)")
        }
        let backup = try program.run(["backup", "backups/copy"])
        #expect(backup.code == 0, "\(backup.errors)")
        let copy = try program.run(["check", "--data", "backups/copy", "--json"])
        #expect(copy.output.contains("\"formats\":{\"ledger\":1,\"usage\":1}"))
    }

    @Test("A store that a newer program has written is refused in one line, by serve and check")
    func newer() throws {
        let program = try furnished()
        defer { program.remove() }
        do {
            let environment = try Environment(
                path: "\(program.directory.path)/data/ledger", mapSizeBytes: 1 << 26,
                maximumTables: Books.tableCount)
            let steps = Array(
                repeating: StoreFormat.Migration("later") { _ in }, count: Self.known)
            try StoreFormat(migrations: steps).migrate(environment)
        }
        let refusal =
            "the store was written by a newer Tollgate (format \(Self.known + 1); this one knows \(Self.known))"
        let check = try program.run(["check"])
        #expect(check.code == 1 && check.errors == "tollgate: \(refusal)\n")
        do {
            _ = try Serving(program)
            Issue.record("it serves")
        } catch {
            #expect("\(error)".contains("ledger: \(refusal)"))
        }
    }
}
