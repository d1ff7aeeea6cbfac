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
