import Foundation
import Processes
import Storage
import Support
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Rule A10, as an operator meets it: `tollgate check` on stores that were damaged.
@Suite("Damaged stores", .waits)
struct DamageTests {
    private static let product = ProductKey("lamp")!

    private static func device(_ key: String) -> DeviceIdentity {
        DeviceIdentity(product: product, device: DeviceKey(key)!)
    }

    /// A program whose gateway has made books with 2,000 devices, two of them active, and has ended.
    private func furnished() throws -> Program {
        let program = try Program()
        let serving = try Serving(program)
        let rows = (1...2_000).map { "d\($0),secret-\($0)\n" }.joined()
        for (command, input) in [
            (["account", "create", "--id", "acme", "--name", "Acme"], nil),
            (
                ["package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "9"],
                nil
            ),
            (["product", "create", "--pk", "lamp", "--name", "Lamp", "--account", "acme"], nil),
            (
                [
                    "codes", "buy", "acme", "--package", "basic", "--quantity", "7", "--product",
                    "lamp",
                ],
                nil
            ),
            (["device", "import", "lamp", "-"], "dk,secret\n" + rows),
            (["device", "activate", "lamp", "d1"], nil),
            (["device", "activate", "lamp", "d2"], nil),
        ] as [([String], String?)] {
            let result = try serving.run(command, input: input)
            try #require(result.code == 0, "\(result.errors)")
        }
        try #require(serving.end() == 0)
        return program
    }

    private func damage(
        _ program: Program,
        _ body: (Books, borrowing WriteTransaction) throws(StoreError) -> Void
    ) throws {
        let ledger = try Ledger(
            directory: "\(program.directory.path)/data/ledger", mapSizeBytes: 1 << 26)
        try ledger.environment.write { (transaction) throws(StoreError) in
            try body(ledger.books, transaction)
        }
        ledger.shutdown()
    }

    @Test(
        "A10: check names every damage on a line of its own, exit code 1, from the store and through the gateway"
    )
    func named() throws {
        let program = try furnished()
        defer { program.remove() }
        #expect(try program.run(["check"]).output == Program.balance)
        try damage(program) { (books, transaction) throws(StoreError) in
            var pool = try books.pool(of: Self.product, in: transaction)
            pool.consumed += 1
            try books.pools.put(Self.product, pool, in: transaction)
            try books.devices.delete(Self.device("d7"), in: transaction)
            try books.disabled.put(Self.device("d8"), EmptyRecord(), in: transaction)
            try books.events.delete(3, in: transaction)
        }
        let lines = [
            "the event log has a gap: 4 is not 3",
            "codes that product lamp took from its lots: 3 is not 2",
            "codes that product lamp consumed by its history: 3 is not 2",
            "devices known of product lamp: 2000 is not 1999",
            "table disabled: lamp.d8 is too many",
        ]
        let alone = try program.run(["check"])
        #expect(alone.code == 1 && alone.output.isEmpty)
        for line in lines {
            #expect(alone.errors.contains("tollgate: \(line)\n"), "\(alone.errors)")
        }
        let json = try program.run(["check", "--json"])
        #expect(json.code == 1 && json.output.contains("\"balanced\":false"))
        for line in lines { #expect(json.output.contains("\"\(line)\"")) }
        let serving = try Serving(program)
        let asked = try serving.run(["check"])
        #expect(asked.code == 1)
        for line in lines { #expect(asked.errors.contains("tollgate: \(line)\n")) }
        #expect(serving.end() == 0)
    }

    @Test("A10: check names a record that does not decode, and goes on")
    func torn() throws {
        let program = try furnished()
        defer { program.remove() }
        let directory = program.directory.appending(path: "data/ledger")
        // In the file, a record is right behind its key.
        var bytes = try Data(contentsOf: directory.appending(path: "data.mdb"))
        let key = Data("lamp\u{0}d1999\u{0}".utf8)
        var found = 0
        var start = bytes.startIndex
        while let range = bytes.range(of: key, in: start..<bytes.endIndex) {
            bytes[range.upperBound] = 9
            found += 1
            start = range.upperBound
        }
        try #require(found > 0)
        try bytes.write(to: directory.appending(path: "data.mdb"))
        let result = try program.run(["check"])
        #expect(result.code == 1)
        #expect(
            result.errors.contains(
                "tollgate: table devices: the record of lamp.d1999 is damaged: device of version 9, "
                    + "which a newer Tollgate wrote: this one knows 1\n"),
            "\(result.errors)")
        #expect(result.errors.contains("devices known of product lamp: 2000 is not 1999"))
    }

    @Test(
        "A10: check says of a store that is cut short, overwritten or no store that it is broken, exit code 1",
        arguments: ["cut short", "overwritten", "no store"])
    func broken(_ damage: String) throws {
        let program = try furnished()
        defer { program.remove() }
        let file = program.directory.appending(path: "data/ledger/data.mdb")
        let bytes = try Data(contentsOf: file)
        switch damage {
        case "cut short": try bytes.prefix(4 * 4_096).write(to: file)
        case "overwritten":
            var bytes = bytes
            for index in 2 * 4_096..<bytes.count { bytes[index] = 0xA5 }
            try bytes.write(to: file)
        default: try Data(repeating: 0, count: bytes.count).write(to: file)
        }
        let result = try program.run(["check"])
        #expect(result.code == 1 && result.output.isEmpty, "\(damage): \(result)")
        #expect(result.errors.hasPrefix("tollgate: "), "\(damage): \(result.errors)")
        let json = try program.run(["check", "--json"])
        #expect(json.code == 1, "\(damage): \(json)")
    }
}
