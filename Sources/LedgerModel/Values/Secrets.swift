import Bytes

/// A DeviceSecret or ProductSecret as the books hold it: sealed with a key that is in no store,
/// 1 to 96 bytes. The books neither make nor look into them.
public struct SealedSecret: Hashable, Sendable {
    public static var maximumLength: Int { 96 }

    public let bytes: [UInt8]

    /// `nil` when there are none, or too many.
    public init?(_ bytes: [UInt8]) {
        guard (1...Self.maximumLength).contains(bytes.count) else { return nil }
        self.bytes = bytes
    }

    private init(checked bytes: [UInt8]) { self.bytes = bytes }

    /// Stands for one that makes no difference.
    static let blank = SealedSecret(checked: [0])
}

/// Tells a sealed secret from every other that a device had: 64-bit FNV-1a over its bytes. It says
/// which secret a login was proven with, as the secret may be another one by the time that the books
/// hear of it. It proves nothing itself.
public struct SecretFingerprint: Hashable, Sendable {
    let value: UInt64

    init(value: UInt64) { self.value = value }

    public init(of sealed: Span<UInt8>) {
        // The offset basis and prime of the FNV reference (draft-eastlake-fnv, 64 bits).
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for index in sealed.indices {
            hash = (hash ^ UInt64(sealed[index])) &* 0x0000_0100_0000_01b3
        }
        value = hash
    }
}

extension SealedSecret {
    public var fingerprint: SecretFingerprint { SecretFingerprint(of: bytes.span) }
}

/// A key that secrets in the books are sealed with, as the books know it: by its number and by a
/// fingerprint that tells it from every other. The key itself is in no store.
public struct SealingKey: Hashable, Sendable {
    public static var fingerprintLength: Int { 32 }

    /// 1 to 255; the first byte of what it seals.
    public let number: UInt8

    public let fingerprint: [UInt8]

    /// `nil` when the number is 0, or the fingerprint has not exactly 32 bytes.
    public init?(number: UInt8, fingerprint: [UInt8]) {
        guard number > 0, fingerprint.count == Self.fingerprintLength else { return nil }
        self.number = number
        self.fingerprint = fingerprint
    }
}
