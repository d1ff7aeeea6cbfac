import Cryptography
import Gateway
import Ledger

/// The documents of firmware images, and of upgrades to them.
extension Documents {
    static let firmware = Shape<StoredImage>("Firmware") {
        Member("firmware", \.image.version, "Its version, which names it.")
        Member("pk", \.image.product)
        Member("sizeBytes", \.image.record.size.bytes, as: .upgradeSize)
        Member("attempts", \.image.record.size.attempts, "What an upgrade to it costs.")
        Member("sha256", { text(of: $0.image.record.digest) }, as: .sha256)
        Member("signature", { $0.image.record.signature.map { Base64.encoded($0.bytes) } })
        Member("devices", \.image.record.devices, "That are upgrading to it.")
        Member(
            "stored", \.isHere,
            "Whether its bytes are here; if no node has them, upload the same image again.")
        Member("storedOn", \.storedOn, "Nodes that have its bytes, as far as they answer.")
        Member("nodes", \.nodes, "Nodes of the cluster; 1 of a gateway alone.")
        Member("createdAt", \.image.record.createdAt)
        Member("createdBy", \.image.record.createdBy)
    }

    static let firmwareOffer = Shape<FirmwareOffer>("FirmwareOffer") {
        Member("upgrade", \.record.upgrade, "Its id among the device's upgrades.")
        Member("pk", \.identity.product)
        Member("dk", \.identity.device)
        Member("firmware", \.record.version)
        Member("sizeBytes", \.image.size.bytes, as: .upgradeSize)
        Member("sha256", { text(of: $0.image.digest) }, as: .sha256)
        Member("percent", { Int($0.record.percent.value) }, "As the device has said.")
        Member("heardAt", \.record.heardAt, "When it has last said so.")
    }

    /// 64 hexadecimal digits.
    static func text(of digest: FirmwareDigest) -> String {
        Hexadecimal.text(of: digest.bytes.span)
    }

    /// What an event about firmware adds to what every event has.
    static func subject(of change: FirmwareChange) -> JSON {
        switch change {
        case .added(let product, let version, let size, let digest):
            [
                "product": JSON(product), "firmware": JSON(version),
                "sizeBytes": JSON(size.bytes), "sha256": .text(text(of: digest)),
            ]
        case .deleted(let product, let version):
            ["product": JSON(product), "firmware": JSON(version)]
        case .offered(let identity, let id, let version):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device), "upgrade": JSON(id),
                "firmware": JSON(version),
            ]
        case .explained(let identity, let id, let detail):
            [
                "pk": JSON(identity.product), "dk": JSON(identity.device), "upgrade": JSON(id),
                "detail": .text(detail.text),
            ]
        }
    }
}

extension FirmwareVersion: Documented {}

/// An image, and where its bytes are.
struct StoredImage {
    let image: FirmwareImage
    let isHere: Bool
    let storedOn: Int
    let nodes: Int

    init(_ image: FirmwareImage, isHere: Bool, _ places: ImagePlaces) {
        self.image = image
        self.isHere = isHere
        storedOn = (isHere ? 1 : 0) + (places.others[image.record.file] ?? 0)
        nodes = places.nodes
    }
}
