import Bytes
import Cryptography
public import Ledger
public import Time

/// What a link to an image is good for: one device, one of its upgrades, one file.
public struct FirmwareGrant: Hashable, Sendable {
    public let identity: DeviceIdentity
    public let upgrade: UpgradeID
    public let file: UInt64
    public let expiresAt: Timestamp
}

/// Links to images, and notices with them. A link's last part says what it is good for, with a code of a key (HMAC with
/// SHA-256) that gateways with the same `ticket.key` have: so there is no table of links.
public struct FirmwareLinks: Sendable {
    private let url: String
    private let key: [UInt8]

    /// A device that is offered the image still is given another link whenever it asks.
    public static var lifeMilliseconds: Int64 { 7 * 86_400_000 }

    /// Of a link's last part.
    public static var tokenMaximumLength: Int { 512 }

    /// In bytes, of the code.
    private static var codeLength: Int { SHA256Digest.length }

    /// - Parameter url: how devices reach the API, without a slash at the end.
    public init(url: String, secret: TicketSecret) {
        self.url = url
        key = HKDFSHA256.derive(
            from: secret.bytes.span, salt: Array("tollgate firmware".utf8).span,
            info: Array("links".utf8).span, count: 32)
    }

    /// Of a gateway; `nil` when it offers no images.
    init?(of configuration: GatewayConfiguration, secret: TicketSecret) {
        guard configuration.offersFirmware else { return nil }
        self.init(url: configuration.firmware.base, secret: secret)
    }

    /// The notice of `sys/ota`, a JSON object.
    public func notice(of offer: FirmwareOffer, at time: Timestamp) -> String {
        let grant = FirmwareGrant(
            identity: offer.identity, upgrade: offer.record.upgrade, file: offer.image.file,
            expiresAt: time.adding(milliseconds: Self.lifeMilliseconds))
        let signature = offer.image.signature.map { "\"\(Base64.encoded($0.bytes))\"" } ?? "null"
        return "{\"id\":\"\(offer.record.upgrade)\",\"version\":\"\(offer.record.version)\","
            + "\"size\":\(offer.image.size.bytes),"
            + "\"sha256\":\"\(Hexadecimal.text(of: offer.image.digest.bytes.span))\","
            + "\"url\":\"\(url)/v1/firmware/\(token(for: grant))\",\"signature\":\(signature)}"
    }

    /// Letters, digits, `-` and `_`.
    public func token(for grant: FirmwareGrant) -> String {
        var buffer = ByteBuffer()
        buffer.append(UInt8(1))
        for text in [
            grant.identity.product.text, grant.identity.device.text, grant.upgrade.text,
        ] {
            buffer.append(UInt8(text.utf8.count))
            buffer.append(Array(text.utf8).span)
        }
        buffer.append(grant.file)
        buffer.append(UInt64(bitPattern: grant.expiresAt.milliseconds))
        let code = code(of: buffer.span)
        buffer.append(code.span)
        let text = Base64.encoded(buffer.span.bytesArray)
        return String(
            text.compactMap { character in
                switch character {
                case "+": "-"
                case "/": "_"
                case "=": nil
                default: character
                }
            })
    }

    /// What a link's last part is good for; `nil` when it is none of ours, or has expired.
    public func grant(of token: String, at time: Timestamp) -> FirmwareGrant? {
        guard token.utf8.count <= Self.tokenMaximumLength else { return nil }
        var text = token.replacing("-", with: "+").replacing("_", with: "/")
        while !text.utf8.count.isMultiple(of: 4) { text += "=" }
        guard let bytes = Base64.decoded(text), bytes.count > Self.codeLength else { return nil }
        let span = bytes.span
        let told = span.extracting(0..<span.count - Self.codeLength)
        let code = code(of: told)
        guard
            constantTimeEqual(
                span.extracting(span.count - Self.codeLength..<span.count), code.span)
        else { return nil }
        var reader = ByteReader(told)
        guard reader.readUInt8() == 1,
            let product = Self.text(from: &reader).flatMap(ProductKey.init(_:)),
            let device = Self.text(from: &reader).flatMap(DeviceKey.init(_:)),
            let upgrade = Self.text(from: &reader).flatMap(UpgradeID.init(_:)),
            let file = reader.readUInt64(), let expiresAt = reader.readUInt64()
        else { return nil }
        let grant = FirmwareGrant(
            identity: DeviceIdentity(product: product, device: device), upgrade: upgrade,
            file: file, expiresAt: Timestamp(milliseconds: Int64(bitPattern: expiresAt)))
        return time < grant.expiresAt ? grant : nil
    }

    private static func text(from reader: inout ByteReader) -> String? {
        guard let count = reader.readUInt8(), let bytes = reader.readBytes(Int(count)) else {
            return nil
        }
        return String(decoding: bytes.bytesArray, as: UTF8.self)
    }

    private func code(of bytes: Span<UInt8>) -> SHA256Digest {
        var code = HMACSHA256(key: key.span)
        code.update(bytes)
        return code.finalize()
    }
}
