/// A DeviceSecret or ProductSecret as the books hold it: bytes that only whoever has the key file can
/// open, 1 to 96 of them. The books neither make nor look into them.
public struct SealedSecret: Hashable, Sendable {
    public static var maximumLength: Int { 96 }

    public let bytes: [UInt8]

    /// `nil` when there are none, or too many.
    public init?(_ bytes: [UInt8]) {
        guard (1...Self.maximumLength).contains(bytes.count) else { return nil }
        self.bytes = bytes
    }
}
