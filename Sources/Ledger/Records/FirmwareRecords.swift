public import Bytes
public import Storage
public import Time

/// A firmware image as the books keep it; its bytes are in a file.
public struct FirmwareRecord: StorageRecord, Hashable, Sendable {
    /// Names the file.
    public let file: UInt64
    public let size: UpgradeSize
    public let digest: FirmwareDigest
    public let signature: FirmwareSignature?
    public let createdAt: Timestamp
    public let createdBy: String

    /// Devices that are upgrading to it.
    public internal(set) var devices: UInt64

    init(_ image: NewImage, at time: Timestamp, by actor: String) {
        file = image.file
        size = image.size
        digest = image.digest
        signature = image.signature
        createdAt = time
        createdBy = actor
        devices = 0
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v1, file, size, digest, signature, createdAt, createdBy, devices)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "firmware") {
        case .v1:
            file = try reader.take()
            size = try reader.take()
            digest = try reader.take()
            signature = try reader.take()
            createdAt = try reader.take()
            createdBy = try reader.take()
            devices = try reader.take()
        }
    }
}

/// The upgrade to an image that a device has under way.
public struct FirmwareOfferRecord: StorageRecord, Hashable, Sendable {
    public let upgrade: UpgradeID
    public let version: FirmwareVersion

    /// As the device has said.
    public internal(set) var percent: UpgradePercent

    /// When it has said so; `nil`: it has said nothing.
    public internal(set) var heardAt: Timestamp?

    init(upgrade: UpgradeID, version: FirmwareVersion) {
        self.upgrade = upgrade
        self.version = version
        percent = .none
        heardAt = nil
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, upgrade, version, percent, heardAt)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "firmware offer") {
        case .v1:
            upgrade = try reader.take()
            version = try reader.take()
            percent = try reader.take()
            heardAt = try reader.take()
        }
    }
}
