extension Span where Element == UInt8 {
    /// 64 bits that are the same for the same bytes and seed, and for others only by chance: with a random
    /// seed, also for bytes that somebody has chosen. Not for secrets. Takes sixteen at a time.
    @inlinable
    public func fingerprint(seed: UInt64) -> UInt64 {
        // Safe: a UInt8 has no padding.
        let bytes = unsafe bytes
        // The seed is in both factors of each product, in two ways: who knows the constants can't make one
        // of them zero, and no change of the bytes undoes one of the seed.
        let key = seed ^ 0xA076_1D64_78BD_642F
        var state = (seed ^ 0xE703_7ED1_A0B4_28DB) &* 0x9E37_79B9_7F4A_7C15
        state &+= UInt64(truncatingIfNeeded: count) &* 0xD6E8_FEB8_6659_FD93
        var first: UInt64 = 0
        var last: UInt64 = 0
        if count >= 16 {
            var offset = 0
            while offset < count - 16 {
                state = Self.mixed(
                    bytes.word(at: offset) ^ key, bytes.word(at: offset + 8) ^ state)
                offset += 16
            }
            // The last sixteen, some of which may have been taken before.
            first = bytes.word(at: count - 16)
            last = bytes.word(at: count - 8)
        } else if count >= 8 {
            first = bytes.word(at: 0)
            last = bytes.word(at: count - 8)
        } else {
            for index in indices { last = last << 8 | UInt64(self[index]) }
        }
        return Self.mixed(first ^ key, last ^ state)
    }

    /// All bits of both, in one multiplication.
    @inlinable
    @inline(__always)
    static func mixed(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
