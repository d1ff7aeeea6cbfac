import Bytes
import Randomness
import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// What one command of an import carries.
@Suite struct ImportSizeTests {
    private static func row(_ index: Int, nameBytes: Int, secretBytes: Int = 96) -> ImportLine {
        let name = String(repeating: "n", count: nameBytes)
        return ImportLine(
            line: UInt64(index) + 1 << 32,
            device: DeviceImport(
                device: DeviceKey("\(index)" + String(repeating: "d", count: 57))!,
                secret: SealedSecret(Array(repeating: 7, count: secretBytes)), name: name))
    }

    private static func bytes(_ action: ImportAction) -> Int {
        let command = Command(
            at: .init(milliseconds: .max), actor: String(repeating: "a", count: 64),
            idempotencyKey: String(repeating: "k", count: 128), action: .imports(action))
        var buffer = ByteBuffer()
        command.encode(into: &buffer)
        return buffer.count
    }

    private static let product = ProductKey(String(repeating: "P", count: 32))!

    @Test(
        "Steps of an import have all rows in order, each fits into an envelope, and none is smaller than it must be",
        arguments: [0, 100, 1_024])
    func steps(nameBytes: Int) {
        let rows = (0..<5_000).map { Self.row($0, nameBytes: nameBytes) }
        let steps = rows.steps(ofRows: 1_000)
        #expect(steps.flatMap { $0 } == rows)
        for (index, step) in steps.enumerated() {
            #expect(step.count <= 1_000)
            let action = ImportAction.stage(
                Self.product, import: .max, after: .max, rows: step)
            #expect(Self.bytes(action) <= Envelope.maximumBytes)
            guard step.count < 1_000, index < steps.count - 1 else { continue }
            let more = ImportAction.stage(
                Self.product, import: .max, after: .max, rows: step + [steps[index + 1][0]])
            #expect(Self.bytes(more) > ImportAction.rowsMaximumBytes)
        }
    }

    @Test("Rows of different sizes are cut where the bytes end, wherever that is")
    func mixed() {
        var random = SplitMix64(seed: 11)
        for _ in 0..<20 {
            let rows = (0..<1_500).map {
                Self.row(
                    $0, nameBytes: .random(in: 0...1_024, using: &random),
                    secretBytes: .random(in: 1...96, using: &random))
            }
            let steps = rows.steps(ofRows: 1_000)
            #expect(steps.flatMap { $0 } == rows)
            let sizes = steps.map {
                Self.bytes(.stage(Self.product, import: .max, after: .max, rows: $0))
            }
            #expect(sizes.allSatisfy { $0 <= Envelope.maximumBytes })
        }
        #expect([ImportLine]().steps(ofRows: 10).isEmpty)
    }

    @Test("An import of one command fits into an envelope when it is said to")
    func atOnce() {
        let rows = (1...5_000).map { Self.row($0, nameBytes: 300).device }
        // As many of them as fit, found by halves.
        var (fitting, tooMany) = (0, rows.count)
        #expect(!rows.fitOneCommand)
        while tooMany - fitting > 1 {
            let count = (fitting + tooMany) / 2
            if Array(rows[..<count]).fitOneCommand { fitting = count } else { tooMany = count }
        }
        let size = Self.bytes(.atOnce(Self.product, Array(rows[..<fitting])))
        #expect(size <= Envelope.maximumBytes && size > ImportAction.rowsMaximumBytes - 1_024)
    }

    @Test("A8: what a key was answered is known before its command is made again")
    func known() throws {
        let store = try TestStore()
        let row = DeviceImport(device: DeviceKey("d")!, secret: SealedSecret("s"))
        let fresh = DeviceImport(device: DeviceKey("d")!, secret: SealedSecret("t"))
        let other = DeviceImport(device: DeviceKey("e")!, secret: nil)
        func command(_ rows: [DeviceImport], key: String? = "k") -> Command {
            Command(
                at: store.now, actor: "test", idempotencyKey: key,
                action: .imports(.atOnce(TestStore.product, rows)))
        }
        func answer(_ command: Command) throws -> Outcome? {
            try store.read { books, transaction throws(StoreError) in
                try books.answer(again: command, in: transaction)
            }
        }
        #expect(try answer(command([row])) == nil)
        let outcome = try store.apply(command([row]))
        let effect = try #require(outcome.effect)
        #expect(try answer(command([fresh])) == .repeated(effect))
        #expect(try answer(command([other])) == .refused(.commands(.idempotencyKeyReused)))
        #expect(try answer(command([row], key: "l")) == nil)
        #expect(try answer(command([row], key: nil)) == nil)
        _ = try store.apply(command([row], key: "again"))
        #expect(
            try answer(command([row], key: "again"))
                == .refused(.imports(.row(row: 1, device: DeviceKey("d")!, fault: .exists))))
    }
}
