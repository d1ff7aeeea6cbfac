@testable import LedgerModel

/// The words of firmware images, and of upgrades to them.
extension Samples {
    static let version = FirmwareVersion("2.1.0-rc_1")!
    static let imageDigest = FirmwareDigest(Array(0..<32))!

    static func image(
        _ version: FirmwareVersion = version, of product: ProductKey = TestStore.product,
        bytes: UInt64 = 5 << 20, file: UInt64 = 7, maximum: UInt32 = 20,
        signature: FirmwareSignature? = nil
    ) -> NewImage {
        NewImage(
            product: product, version: version, file: file, size: UpgradeSize(bytes: bytes)!,
            digest: imageDigest, signature: signature, maximum: maximum)
    }

    private static let upgradeID = UpgradeID("u")!

    static let firmwareActions: [Action] = [
        .firmware(.add(image())),
        .firmware(
            .add(image(file: .max, signature: FirmwareSignature([9, 8, 7])!))),
        .firmware(.delete(TestStore.product, version)),
        .firmware(.start(identity, upgradeID, version)),
        .firmware(.progress(identity, upgradeID, UpgradePercent(100)!)),
        .firmware(.report(identity, upgradeID, succeeded: true, UpgradeDetail("")!)),
        .firmware(.report(identity, upgradeID, succeeded: false, UpgradeDetail("kein Platz: ä")!)),
    ]

    static let firmwareChanges: [Change] = [
        .firmware(.added(TestStore.product, version, UpgradeSize(bytes: 300)!, imageDigest)),
        .firmware(.deleted(TestStore.product, version)),
        .firmware(.offered(identity, upgradeID, version)),
        .firmware(.explained(identity, upgradeID, UpgradeDetail("flash 0x17")!)),
    ]

    static let firmwareRefusals: [Refusal] = [
        .firmware(.unknown(TestStore.product, version)), .firmware(.tooMany(maximum: 300)),
        .firmware(.inUse(TestStore.product, version, devices: 300)),
        .firmware(.underWay(identity, upgradeID)),
    ]
}
