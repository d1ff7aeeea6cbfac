import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Values about imports in chunks, one of each case.
extension BytesTests {
    static let importActions: [ImportAction] = [
        .begin(Desk.product, key: "k", run: 1 << 63),
        .begin(Desk.product, key: nil, run: 0),
        .stage(
            Desk.product,
            import: 300,
            after: 1 << 20,
            rows: [
                ImportLine(
                    line: 200,
                    device: DeviceImport(device: DeviceKey("a")!, secret: nil, name: "n")
                )
            ]
        ),
        .commit(Desk.product, import: 300, rows: 9, digest: FileDigest(high: 1, low: 2)),
        .abandon(Desk.product, import: 300),
        .abandonOthers(run: 7),
        .move(limit: 1_000),
    ]

    static let importChanges: [Change] = [
        .devicesImported(Desk.product, count: 10, import: 300),
        .importBegun(Desk.product),
        .importAbandoned(Desk.product, import: 300),
    ]

    static let importRefusals: [Refusal] = [
        .importLine(line: 300, device: DeviceKey("d")!, fault: .arriving),
        .unknownImport(Desk.product, 300), .importNotReceiving(300),
        .importOutOfStep(300, staged: 1 << 40), .importsUnderWay(maximum: 4),
    ]

    static let importEffects: [Effect] = [
        .importBegun(300), .importKnown, .staged(rows: 300), .moved(count: 300, more: true),
    ]

    @Test("An import's records encode to bytes and back")
    func importRecords() throws {
        var record = ImportRecord(
            actor: "a", idempotencyKey: nil, run: 7, at: Timestamp(milliseconds: 12))
        try roundTrip(record)
        record = ImportRecord(
            actor: "", idempotencyKey: "k", run: 7, at: Timestamp(milliseconds: 12))
        record.state = .landing
        record.rows = 300
        record.moved = 299
        record.returning = 3
        record.conflict = ImportConflict(line: 300, device: DeviceKey("d")!)
        try roundTrip(record)
        for secret in [SealedSecret("s"), nil] {
            let device = DeviceImport(device: DeviceKey("d")!, secret: secret, name: "n")
            try roundTrip(ArrivalRecord(ImportLine(line: 300, device: device)))
        }
    }
}
