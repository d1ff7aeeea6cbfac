/// What a client's payload is masked with (RFC 6455, 5.3).
struct Masking: Sendable {
    /// The key's four bytes, lowest first; its lowest is the next byte's.
    private(set) var key: UInt32

    init(key: UInt32) { self.key = key }

    /// Unmasks `count` bytes at `source`, and moves them down to `target` in the same pass.
    ///
    /// Traps unless `target <= source` and both regions are in `bytes`.
    mutating func unmask(
        _ bytes: inout MutableSpan<UInt8>,
        from source: Int,
        to target: Int,
        count: Int
    ) {
        precondition(
            target >= 0 && target <= source && count >= 0 && count <= bytes.count - source,
            "unmasked outside the bytes"
        )
        guard count > 0 else { return }
        let wide = UInt64(key) << 32 | UInt64(key)
        // Safe: both regions were checked to be inside. Each step reads its bytes before it writes as
        // many at or below them, so nothing is overwritten before it has been read.
        unsafe bytes.withUnsafeMutableBytes { region in
            guard let base = region.baseAddress else { return }
            var index = 0
            while index + 8 <= count {
                let word = unsafe base.loadUnaligned(
                    fromByteOffset: source + index, as: UInt64.self)
                unsafe base.storeBytes(
                    of: (UInt64(littleEndian: word) ^ wide).littleEndian,
                    toByteOffset: target + index,
                    as: UInt64.self
                )
                index += 8
            }
            while index < count {
                let shift = UInt32(index & 3) * 8
                unsafe region[target + index] =
                    unsafe region[source + index] ^ UInt8(truncatingIfNeeded: key >> shift)
                index += 1
            }
        }
        let used = UInt32(count & 3) * 8
        if used > 0 { key = key >> used | key << (32 - used) }
    }
}
