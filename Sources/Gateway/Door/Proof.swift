import Bytes
import Cryptography
import Ledger

/// Whether what a client sent proves who it says it is (Wire.md, "Who connects"). The work done does
/// not depend on whether the device exists, nor the time on where a wrong secret differs.
enum Proof {
    /// The password of a device that signs: hexadecimal HMAC-SHA256, keyed with the DeviceSecret, over
    /// `clientId{PK}.{DK}deviceName{DK}productKey{PK}`, and `timestamp{T}` if the client id has one.
    static func isSignature(
        _ password: Span<UInt8>,
        of identity: DeviceIdentity,
        timestamp: Span<UInt8>,
        secret: Span<UInt8>
    ) -> Bool {
        var code = HMACSHA256(key: secret)
        code.update("clientId")
        code.update(identity.product.text)
        code.update(".")
        code.update(identity.device.text)
        code.update("deviceName")
        code.update(identity.device.text)
        code.update("productKey")
        code.update(identity.product.text)
        if !timestamp.isEmpty {
            code.update("timestamp")
            code.update(timestamp)
        }
        return code.finalize().matches(hexadecimal: password)
    }

    /// The password of a device that registers: hexadecimal HMAC-SHA256, keyed with the
    /// ProductSecret, over `deviceName{DK}productKey{PK}random{R}`.
    static func isRegistration(
        _ password: Span<UInt8>,
        of identity: DeviceIdentity,
        random: Span<UInt8>,
        secret: Span<UInt8>
    ) -> Bool {
        var code = HMACSHA256(key: secret)
        code.update("deviceName")
        code.update(identity.device.text)
        code.update("productKey")
        code.update(identity.product.text)
        code.update("random")
        code.update(random)
        return code.finalize().matches(hexadecimal: password)
    }

    /// The password of a device that signs as Alibaba Cloud's do: hexadecimal HMAC, keyed with the DeviceSecret, over
    /// `clientId{name}deviceName{DK}productKey{PK}`, and `timestamp{T}` if the client id has one.
    static func isSignature(
        _ password: Span<UInt8>,
        of identity: DeviceIdentity,
        named name: Span<UInt8>,
        timestamp: Span<UInt8>,
        by method: SigningMethod,
        secret: Span<UInt8>
    ) -> Bool {
        var signed = Array("clientId".utf8) + name.bytesArray
        signed += Array("deviceName\(identity.device)productKey\(identity.product)".utf8)
        if !timestamp.isEmpty { signed += Array("timestamp".utf8) + timestamp.bytesArray }
        return method.isCode(password, of: signed.span, key: secret)
    }

    /// The same of one that registers, keyed with the ProductSecret, over `deviceName{DK}productKey{PK}random{R}`.
    static func isRegistration(
        _ password: Span<UInt8>,
        of identity: DeviceIdentity,
        random: Span<UInt8>,
        by method: SigningMethod,
        secret: Span<UInt8>
    ) -> Bool {
        let signed =
            Array("deviceName\(identity.device)productKey\(identity.product)random".utf8)
            + random.bytesArray
        return method.isCode(password, of: signed.span, key: secret)
    }

    /// The secret itself. Both are hashed, so that not even the length shows.
    static func isSecret(_ password: Span<UInt8>, _ secret: Span<UInt8>) -> Bool {
        SHA256.hash(password) == SHA256.hash(secret)
    }

    /// A key's secret, of which the books hold the hash.
    static func isSecret(_ password: Span<UInt8>, hash: SecretHash) -> Bool {
        guard let expected = SHA256Digest(hash.bytes.span) else { return false }
        return SHA256.hash(password) == expected
    }
}

extension HMACSHA256 {
    /// Adds a text's UTF-8.
    fileprivate mutating func update(_ text: String) { update(text.utf8Span.span) }
}
