@testable import Ledger

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
}
