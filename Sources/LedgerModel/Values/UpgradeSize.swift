/// How large the package of an OTA upgrade is: 1 byte to 64 GiB.
public struct UpgradeSize: Hashable, Sendable {
    public let bytes: UInt64

    /// 64 GiB, which is 13,108 attempts.
    public static var maximumBytes: UInt64 { 64 << 30 }

    /// 5 MiB: what one attempt carries (rule D1).
    public static var attemptBytes: UInt64 { 5 << 20 }

    /// `nil` when `bytes` is out of range.
    public init?(bytes: UInt64) {
        guard (1...Self.maximumBytes).contains(bytes) else { return nil }
        self.bytes = bytes
    }

    /// Rule D1: one for each started 5 MiB.
    public var attempts: UInt64 { (bytes - 1) / Self.attemptBytes + 1 }
}
