import Bytes
import Testing

@Suite struct FingerprintTests {
    @Test("a fingerprint changes with every byte, with the length and with the seed")
    func changes() {
        var seen: Set<UInt64> = []
        var count = 0
        for length in 0..<70 {
            var bytes = [UInt8](repeating: 7, count: length)
            for seed: UInt64 in [0, 1, .max] {
                seen.insert(bytes.span.fingerprint(seed: seed))
                count += 1
            }
            #expect(bytes.span.fingerprint(seed: 1) == Array(bytes).span.fingerprint(seed: 1))
            for index in bytes.indices {
                for change: UInt8 in [1, 0x80] {
                    bytes[index] ^= change
                    seen.insert(bytes.span.fingerprint(seed: 1))
                    count += 1
                    bytes[index] ^= change
                }
            }
        }
        #expect(seen.count == count)
    }
}
