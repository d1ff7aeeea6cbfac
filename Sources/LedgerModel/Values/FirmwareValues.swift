package import Bytes
package import Encoding

/// Names a firmware image of a product by its version: 1 to 64 of `[A-Za-z0-9_.-]`.
public struct FirmwareVersion: Identifier {
    public let text: String

    public init(checked text: String) { self.text = text }
}

extension FirmwareVersion: RecordField {}

/// The SHA-256 of an image: 32 bytes.
public struct FirmwareDigest: Hashable, Sendable {
    public static var length: Int { 32 }

    public let bytes: [UInt8]

    /// `nil` when there are not exactly 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }
}

/// 32 bytes, without a length.
extension FirmwareDigest: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(bytes.span) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let bytes = reader.readBytes(Self.length),
            let digest = FirmwareDigest(bytes.bytesArray)
        else { throw .malformed(what: "digest of an image") }
        self = digest
    }
}

/// A signature of an image, which its devices check: 1 to 1,024 bytes, handed on as they are.
public struct FirmwareSignature: Hashable, Sendable {
    public static var maximumLength: Int { 1_024 }

    public let bytes: [UInt8]

    /// `nil` when there are none, or too many.
    public init?(_ bytes: [UInt8]) {
        guard (1...Self.maximumLength).contains(bytes.count) else { return nil }
        self.bytes = bytes
    }
}

extension FirmwareSignature: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(counted: bytes.span) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let signature = FirmwareSignature(try reader.takeCounted().bytesArray) else {
            throw .malformed(what: "signature of an image")
        }
        self = signature
    }
}

/// How much of an upgrade a device says it has done: 0 to 100.
public struct UpgradePercent: Hashable, Sendable {
    public let value: UInt8

    /// `nil` when `value` is out of range.
    public init?(_ value: Int) {
        guard (0...100).contains(value) else { return nil }
        self.value = UInt8(value)
    }

    package static let none = UpgradePercent(checked: 0)

    private init(checked value: UInt8) { self.value = value }
}

/// One byte.
extension UpgradePercent: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(value) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let percent = UpgradePercent(Int(try reader.takeUInt8())) else {
            throw .malformed(what: "percent")
        }
        self = percent
    }
}

/// What a device says of how an upgrade ended: up to 200 bytes of UTF-8.
public struct UpgradeDetail: Hashable, Sendable {
    public static var maximumLength: Int { 200 }

    public let text: String

    /// Nothing.
    package static let none = UpgradeDetail(checked: "")

    private init(checked text: String) { self.text = text }

    /// `nil` when the text is too long.
    public init?(_ text: String) {
        guard text.utf8.count <= Self.maximumLength else { return nil }
        self.text = text
    }
}

extension UpgradeDetail: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(text: text) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        guard let detail = UpgradeDetail(try reader.takeText()) else {
            throw .malformed(what: "detail of an upgrade")
        }
        self = detail
    }
}
