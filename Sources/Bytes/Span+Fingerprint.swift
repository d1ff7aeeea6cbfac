extension Span where Element == UInt8 {
    /// 64 bits that are the same for the same bytes and seed, and for others only by chance: with a random
    /// seed, also for bytes that somebody has chosen. Not for secrets. Takes sixteen at a time.
    @inlinable
    public func fingerprint(seed: UInt64) -> UInt64 {
        // Safe: a UInt8 has no padding.
        let bytes = unsafe bytes
        var state = Self.mixed(
            seed ^ 0x9E37_79B9_7F4A_7C15,
            UInt64(truncatingIfNeeded: count) ^ 0xD6E8_FEB8_6659_FD93)
        var first: UInt64 = 0
        var last: UInt64 = 0
        if count >= 8 {
            var offset = 0
            while offset + 16 < count {
                state = Self.mixed(
                    bytes.word(at: offset) ^ 0xA076_1D64_78BD_642F,
                    bytes.word(at: offset + 8) ^ state)
                offset += 16
            }
            // The last sixteen, some of which may have been taken before.
            first = bytes.word(at: Swift.max(0, count - 16))
            last = bytes.word(at: count - 8)
        } else {
            for index in indices { last = last << 8 | UInt64(self[index]) }
        }
        return Self.mixed(first ^ 0xE703_7ED1_A0B4_28DB, last ^ state)
    }

    /// All bits of both, in one multiplication.
    @inlinable
    @inline(__always)
    static func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
