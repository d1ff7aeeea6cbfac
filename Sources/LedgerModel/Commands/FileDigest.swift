/// 128 bits that name the contents of a file: by them a repeated import is recognised (rule A8).
public struct FileDigest: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}
