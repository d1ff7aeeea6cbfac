import Bytes

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
