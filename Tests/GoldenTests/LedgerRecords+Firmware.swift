import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// Firmware images, and upgrades to them.
extension LedgerRecords {
    static func firmware(_ books: Books) -> [GoldenTable] {
        let version = FirmwareVersion("2.1.0")!
        func image(_ bytes: UInt64, file: UInt64, _ signature: FirmwareSignature?) -> FirmwareRecord
        {
            FirmwareRecord(
                NewImage(
                    product: product, version: version, file: file,
                    size: UpgradeSize(bytes: bytes)!,
                    digest: FirmwareDigest(fingerprint)!, signature: signature, maximum: 20),
                at: time, by: "owner")
        }
        var used = image(
            UpgradeSize.maximumBytes, file: .max,
            FirmwareSignature([UInt8](repeating: 9, count: 70))!)
        used.devices = 300
        var heard = FirmwareOfferRecord(upgrade: upgrade, version: version)
        heard.percent = UpgradePercent(100)!
        heard.heardAt = time
        return [
            GoldenTable(
                books.firmware,
                keys: ["plain": KeyPair(product, version)],
                records: ["new": image(1, file: 0, nil), "used": used]
            ),
            GoldenTable(
                books.firmwareOffers,
                keys: ["plain": identity],
                records: [
                    "new": FirmwareOfferRecord(upgrade: upgrade, version: version),
                    "heard": heard,
                ]
            ),
        ]
    }
}
