/// The SHA-256 of an application's or operator's key secret: 32 bytes. The secret itself is shown
/// once and not stored.
public struct SecretHash: Hashable, Sendable {
    /// In bytes.
    public static var length: Int { 32 }

    public let bytes: [UInt8]

    /// `nil` when there are not exactly 32 bytes.
    public init?(_ bytes: [UInt8]) {
        guard bytes.count == Self.length else { return nil }
        self.bytes = bytes
    }
}
