import Bytes
import Storage
import Testing

@Suite struct KeyTests {
    private func bytes(_ key: some StorageKey) -> [UInt8] {
        let writer = KeyWriter(key)
        let span = writer.span
        return span.indices.map { span[$0] }
    }

    private func decoded<Key: StorageKey>(_ key: Key) -> Key? {
        let writer = KeyWriter(key)
        var reader = ByteReader(writer.span)
        let value = Key(decoding: &reader)
        return reader.isAtEnd ? value : nil
    }

    @Test("Keys' bytes order as the keys do")
    func order() {
        let signed: [Int64] = [.min, -256, -255, -1, 0, 1, 255, 256, .max]
        let unsigned: [UInt64] = [0, 1, 255, 256, 1 << 32, .max]
        let text = ["", "a", "a-b", "aB", "ab", "b", "é"]
        let pairs = text.flatMap { first in signed.map { KeyPair(first, $0) } }
        func isAscending(_ keys: [[UInt8]]) -> Bool {
            zip(keys, keys.dropFirst()).allSatisfy { $0.lexicographicallyPrecedes($1) }
        }
        #expect(isAscending(signed.map(bytes)))
        #expect(isAscending(unsigned.map(bytes)))
        #expect(isAscending(text.map(bytes)))
        #expect(isAscending(pairs.map(bytes)))
    }

    @Test("A key is read back as it was written")
    func roundTrip() {
        #expect(decoded(Int64(-7)) == -7)
        #expect(decoded(UInt32(7)) == 7)
        #expect(decoded("gauge-é") == "gauge-é")
        let triple = KeyTriple("p", Int64(-1), KeyPair("d", UInt64(3)))
        #expect(decoded(triple) == triple)
    }

    @Test("A truncated key, text without its end or text that is not UTF-8 is no key")
    func malformed() {
        func refuses<Key: StorageKey>(_ bytes: [UInt8], as type: Key.Type) -> Bool {
            var reader = ByteReader(bytes.span)
            return Key(decoding: &reader) == nil
        }
        #expect(refuses([0, 0, 0], as: UInt32.self))
        #expect(refuses([1, 2, 3, 4, 5, 6, 7], as: Int64.self))
        #expect(refuses([0x61, 0x62], as: String.self))
        #expect(refuses([0xFF, 0], as: String.self))
        #expect(refuses([0x61, 0, 1], as: KeyPair<String, UInt64>.self))
    }

    @Test("A key has at most 511 bytes")
    func limits() {
        let longest = String(repeating: "k", count: 510)
        #expect(bytes(longest).count == 511)
    }
}
