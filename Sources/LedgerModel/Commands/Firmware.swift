package import Bytes
package import Encoding

/// What a command does with firmware images, and with upgrades to them.
public enum FirmwareAction: Hashable, Sendable {
    /// Makes an image known whose file is on the disk. The same image again changes nothing.
    case add(NewImage)

    /// Refused while devices are upgrading to it.
    case delete(ProductKey, FirmwareVersion)

    /// Has a device upgrade to an image: admitted and paid for as any upgrade (rules D1 and D2). One such
    /// upgrade of a device is under way at a time. The same command again is answered `repeated`.
    case start(DeviceIdentity, UpgradeID, FirmwareVersion)

    /// How far the device says it is. Makes no event.
    case progress(DeviceIdentity, UpgradeID, UpgradePercent)

    /// What the device says of how it ended, as `UpgradeAction.report`; its words are in an event of
    /// their own.
    case report(DeviceIdentity, UpgradeID, succeeded: Bool, UpgradeDetail)
}

/// An image as a command adds it.
public struct NewImage: Hashable, Sendable {
    public let product: ProductKey
    public let version: FirmwareVersion

    /// Names the image's file; by chance, the gateway's.
    public internal(set) var file: UInt64
    public let size: UpgradeSize
    public let digest: FirmwareDigest
    public let signature: FirmwareSignature?

    /// How many images the product may have.
    public internal(set) var maximum: UInt32

    public init(
        product: ProductKey, version: FirmwareVersion, file: UInt64, size: UpgradeSize,
        digest: FirmwareDigest, signature: FirmwareSignature?, maximum: UInt32
    ) {
        self.product = product
        self.version = version
        self.file = file
        self.size = size
        self.digest = digest
        self.signature = signature
        self.maximum = maximum
    }
}

extension NewImage: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: product, version, file, size, digest, signature, maximum)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        product = try reader.take()
        version = try reader.take()
        file = try reader.take()
        size = try reader.take()
        digest = try reader.take()
        signature = try reader.take()
        maximum = try reader.take()
    }
}

extension FirmwareAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case add = 240
        case delete = 241
        case start = 242
        case progress = 243
        case report = 244
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .add(let image): buffer.append(Tag.add, image)
        case .delete(let product, let version): buffer.append(Tag.delete, product, version)
        case .start(let identity, let id, let version):
            buffer.append(Tag.start, identity, id, version)
        case .progress(let identity, let id, let percent):
            buffer.append(Tag.progress, identity, id, percent)
        case .report(let identity, let id, let succeeded, let detail):
            buffer.append(Tag.report, identity, id, succeeded, detail)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .add: try reader.make(Self.add)
            case .delete: try reader.make(Self.delete)
            case .start: try reader.make(Self.start)
            case .progress: try reader.make(Self.progress)
            case .report: try reader.make(Self.report)
            }
    }

    /// The file's name and the limit are the gateway's.
    var asked: FirmwareAction {
        switch self {
        case .add(var image):
            image.file = 0
            image.maximum = 0
            return .add(image)
        case .delete, .start, .progress, .report: return self
        }
    }
}

/// A fact about firmware images, or about an upgrade to one.
public enum FirmwareChange: Hashable, Sendable {
    case added(ProductKey, FirmwareVersion, UpgradeSize, FirmwareDigest)
    case deleted(ProductKey, FirmwareVersion)

    /// Beside the event of the upgrade that was requested.
    case offered(DeviceIdentity, UpgradeID, FirmwareVersion)

    /// What a device said when it reported an upgrade.
    case explained(DeviceIdentity, UpgradeID, UpgradeDetail)

    /// Whose product it is about.
    public var product: ProductKey {
        switch self {
        case .added(let product, _, _, _), .deleted(let product, _): product
        case .offered(let identity, _, _), .explained(let identity, _, _): identity.product
        }
    }

    var name: String {
        switch self {
        case .added: "firmware-added"
        case .deleted: "firmware-deleted"
        case .offered: "firmware-offered"
        case .explained: "upgrade-explained"
        }
    }
}

extension FirmwareChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case added = 240
        case deleted = 241
        case offered = 242
        case explained = 243
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .added(let product, let version, let size, let digest):
            buffer.append(Tag.added, product, version, size, digest)
        case .deleted(let product, let version): buffer.append(Tag.deleted, product, version)
        case .offered(let identity, let id, let version):
            buffer.append(Tag.offered, identity, id, version)
        case .explained(let identity, let id, let detail):
            buffer.append(Tag.explained, identity, id, detail)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .added: try reader.make(Self.added)
            case .deleted: try reader.make(Self.deleted)
            case .offered: try reader.make(Self.offered)
            case .explained: try reader.make(Self.explained)
            }
    }
}

/// Why something is not done with an image.
public enum FirmwareRefusal: Hashable, Sendable {
    case unknown(ProductKey, FirmwareVersion)
    case tooMany(maximum: UInt32)

    /// So many devices are upgrading to it.
    case inUse(ProductKey, FirmwareVersion, devices: UInt64)

    /// Another upgrade of the device to an image was not reported.
    case underWay(DeviceIdentity, UpgradeID)
}

extension FirmwareRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case unknown = 240
        case tooMany = 241
        case inUse = 242
        case underWay = 243
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unknown(let product, let version): buffer.append(Tag.unknown, product, version)
        case .tooMany(let maximum): buffer.append(Tag.tooMany, maximum)
        case .inUse(let product, let version, let devices):
            buffer.append(Tag.inUse, product, version, devices)
        case .underWay(let identity, let id): buffer.append(Tag.underWay, identity, id)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unknown: try reader.make(Self.unknown)
            case .tooMany: try reader.make(Self.tooMany)
            case .inUse: try reader.make(Self.inUse)
            case .underWay: try reader.make(Self.underWay)
            }
    }

    public var description: String {
        switch self {
        case .unknown(let product, let version): "product \(product) has no firmware \(version)"
        case .tooMany(let maximum): "a product has at most \(maximum) firmware images"
        case .inUse(let product, let version, let devices):
            "\(devices) devices are upgrading to firmware \(version) of product \(product), "
                + "or a campaign has them"
        case .underWay(let identity, let id):
            "upgrade \(id) of device \(identity) was not reported"
        }
    }
}
