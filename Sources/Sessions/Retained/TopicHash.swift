/// SipHash-2-4 of a topic under a fixed key: the same in every run, as it is part of a key on disk,
/// and without a way to choose many topics with one hash that is quicker than trying.
enum TopicHash {
    static func hash(
        _ bytes: Span<UInt8>,
        key0: UInt64 = 0x746F_6C6C_6761_7465,
        key1: UInt64 = 0x7265_7461_696E_6564
    ) -> UInt64 {
        var state = State(
            v0: key0 ^ 0x736F_6D65_7073_6575,
            v1: key1 ^ 0x646F_7261_6E64_6F6D,
            v2: key0 ^ 0x6C79_6765_6E65_7261,
            v3: key1 ^ 0x7465_6462_7974_6573
        )
        var word: UInt64 = 0
        for index in bytes.indices {
            word |= UInt64(bytes[index]) << UInt64(8 * (index % 8))
            if index % 8 == 7 {
                state.absorb(word)
                word = 0
            }
        }
        state.absorb(word | UInt64(truncatingIfNeeded: bytes.count) << 56)
        state.v2 ^= 0xFF
        for _ in 0..<4 { state.round() }
        return state.v0 ^ state.v1 ^ state.v2 ^ state.v3
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        mutating func absorb(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func round() {
            v0 &+= v1
            v1 = Self.rotate(v1, 13) ^ v0
            v0 = Self.rotate(v0, 32)
            v2 &+= v3
            v3 = Self.rotate(v3, 16) ^ v2
            v0 &+= v3
            v3 = Self.rotate(v3, 21) ^ v0
            v2 &+= v1
            v1 = Self.rotate(v1, 17) ^ v2
            v2 = Self.rotate(v2, 32)
        }

        static func rotate(_ word: UInt64, _ bits: UInt64) -> UInt64 {
            word << bits | word >> (64 - bits)
        }
    }
}
