import Cryptography
import Ledger

/// One key that device and product secrets are sealed with: a line of the key file.
struct SecretKey: Equatable, Sendable, CustomStringConvertible {
    /// 1 to 255; the first byte of what it seals.
    let number: UInt8

    /// 32 bytes.
    let bytes: [UInt8]

    /// `nil` when the number is 0, or the key has not exactly 32 bytes.
    init?(number: UInt8, bytes: [UInt8]) {
        guard number > 0, bytes.count == AES256GCM.keyLength else { return nil }
        self.number = number
        self.bytes = bytes
    }

    /// What the books know of it: a hash, from which the key can't be found.
    var fingerprint: SealingKey {
        var hash = SHA256()
        hash.update("tollgate device secrets\n".utf8Span.span)
        hash.update([number].span)
        hash.update(bytes.span)
        let digest = hash.finalize()
        guard
            let key = SealingKey(
                number: number,
                fingerprint: (0..<SHA256Digest.length).map { digest.span[$0] }
            )
        else { preconditionFailure("a digest is a fingerprint") }
        return key
    }

    /// Hides the key, so that no log shows it by accident.
    var description: String { "SecretKey(\(number))" }
}

/// A DeviceSecret or ProductSecret in the clear: 1 to 64 visible ASCII bytes (0x21 to 0x7E).
///
/// It is the key of an HMAC (Wire.md), so it has to come back as it was: the books hold it sealed
/// (`SecretKeys`). Its description hides it, so that no log shows one by accident.
public struct Secret: Hashable, Sendable, CustomStringConvertible {
    public static var maximumLength: Int { 64 }

    public let text: String

    /// `nil` when `text` is not such a secret.
    public init?(_ text: String) {
        guard (1...Self.maximumLength).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        self.text = text
    }

    public var description: String { "Secret(hidden)" }
}
