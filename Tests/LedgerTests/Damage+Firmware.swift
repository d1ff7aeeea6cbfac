import Storage

@testable import Ledger
@testable import LedgerModel

extension Damage {
    private static let image = KeyPair(Tour.fourth, Tour.image)
    private static let device = TestStore.device("g3", of: "PK4")

    static let firmware: [Damage] = [
        Damage("an image that is gone", "firmware 2.0 of product PK4 is not there") {
            (books, transaction) throws(StoreError) in
            try books.firmware.remove(image, in: transaction)
        },
        Damage("an image too many", "firmware 9 of product PK4 is not as the log has left it") {
            (books, transaction) throws(StoreError) in
            try books.firmware.copy(
                image, to: KeyPair(Tour.fourth, FirmwareVersion("9")!), in: transaction)
        },
        Damage(
            "an image with more devices",
            "the devices that are upgrading to firmware 2.0 of product PK4: 2 is not 1"
        ) { (books, transaction) throws(StoreError) in
            try books.firmware.change(image, in: transaction) { $0.devices = 2 }
        },
        Damage(
            "an offer that is gone",
            "the devices that are upgrading to firmware 2.0 of product PK4: 1 is not 0"
        ) { (books, transaction) throws(StoreError) in
            try books.firmwareOffers.remove(device, in: transaction)
        },
        Damage(
            "an offer of an upgrade that has ended",
            "device PK4.g3 is offered firmware by upgrade f1, which is not open"
        ) { (books, transaction) throws(StoreError) in
            let offer = FirmwareOfferRecord(upgrade: UpgradeID("f1")!, version: Tour.image)
            try books.firmwareOffers.put(device, offer, in: transaction)
        },
    ]
}
