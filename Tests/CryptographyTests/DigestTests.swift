import Bytes
import Cryptography
import Testing

@Suite struct DigestTests {
    private func matches(_ digest: SHA256Digest, _ text: [UInt8]) -> Bool {
        digest.matches(hexadecimal: text.span)
    }

    @Test(
        "[FIPS 180-4] SHA-256 of the standard's messages, and of nothing",
        arguments: [
            ("abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
            ("a", 1_000_000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"),
            ("", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ]
    )
    func hash(piece: String, times: Int, expected: String) {
        #expect(
            SHA256.hash(String(repeating: piece, count: times).utf8Span.span).description
                == expected)
        var pieces = SHA256()
        for _ in 0..<times {
            pieces.update(piece.utf8Span.span)
            pieces.update(Span())
        }
        #expect(pieces.finalize().description == expected)
    }

    @Test(
        "[FIPS 180-4] SHA-1 of the standard's messages, and of nothing",
        arguments: [
            ("abc", 1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
            ("a", 1_000_000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f"),
            ("", 1, "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ]
    )
    func sha1(piece: String, times: Int, expected: String) {
        let digest = SHA1.hash(String(repeating: piece, count: times).utf8Span.span)
        #expect(Hexadecimal.text(of: digest.span) == expected)
    }

    /// A key and a message of RFC 4231, and what their code begins with: all of it but in case 5.
    struct Code: Sendable {
        let number: Int
        let key: [UInt8]
        let message: [UInt8]
        let code: String

        init(_ number: Int, key: [UInt8], _ message: [UInt8], _ code: String) {
            (self.number, self.key, self.message, self.code) = (number, key, message, code)
        }
    }

    static let codes = [
        Code(
            1, key: [UInt8](repeating: 0x0B, count: 20), Array("Hi There".utf8),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
        Code(
            2, key: Array("Jefe".utf8), Array("what do ya want for nothing?".utf8),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
        Code(
            3, key: [UInt8](repeating: 0xAA, count: 20), [UInt8](repeating: 0xDD, count: 50),
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
        Code(
            4, key: Array(1...25), [UInt8](repeating: 0xCD, count: 50),
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b"),
        Code(
            5, key: [UInt8](repeating: 0x0C, count: 20), Array("Test With Truncation".utf8),
            "a3b6167473100ee06e0c796c2955552b"),
        Code(
            6, key: [UInt8](repeating: 0xAA, count: 131),
            Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"),
        Code(
            7, key: [UInt8](repeating: 0xAA, count: 131),
            Array(
                """
                This is a test using a larger than block-size key and a larger than block-size \
                data. The key needs to be hashed before being used by the HMAC algorithm.
                """.utf8),
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2"),
    ]

    @Test(
        "[RFC 4231] HMAC-SHA256 of the test cases 1 to 7, in one piece or byte by byte",
        arguments: codes)
    func code(_ vector: Code) {
        var whole = HMACSHA256(key: vector.key.span)
        whole.update(vector.message.span)
        var pieces = HMACSHA256(key: vector.key.span)
        for byte in vector.message { pieces.update([byte].span) }
        let digest = whole.finalize()
        #expect(digest.description.hasPrefix(vector.code), "case \(vector.number)")
        #expect(pieces.finalize() == digest)
    }

    @Test("A digest matches its digits, of either case, and no others")
    func digits() {
        let digest = SHA256.hash("abc".utf8Span.span)
        let expected = Array(digest.description.utf8)
        #expect(matches(digest, expected))
        #expect(matches(digest, Array(digest.description.uppercased().utf8)))
        #expect(!matches(digest, expected.dropLast()))
        #expect(!matches(digest, expected + [0x30]))
        var changed = expected
        for index in changed.indices {
            changed[index] = changed[index] == 0x30 ? 0x31 : 0x30
            #expect(!matches(digest, changed))
            changed[index] = 0x67
            #expect(!matches(digest, changed))
            changed[index] = expected[index]
        }
    }

    @Test("A stored digest is read back; another length is none")
    func stored() {
        let digest = SHA256.hash(Span())
        let (same, none) = (SHA256Digest(digest.span), SHA256Digest(Span()))
        #expect(same == digest)
        #expect(none == nil)
    }

    @Test("Bytes are equal or not by content and length")
    func comparison() {
        func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
            constantTimeEqual(left.span, right.span)
        }
        #expect(equal([], []))
        #expect(equal([1, 2, 3], [1, 2, 3]))
        #expect(!equal([1, 2, 3], [1, 2, 4]))
        #expect(!equal([1, 2, 3], [1, 2]))
    }

    @Test("[RFC 4648, 8] Every byte survives hexadecimal, and nothing but digits is taken")
    func hexadecimal() {
        let bytes = (0...255).map { UInt8($0) }
        var digits = ByteBuffer()
        Hexadecimal.append(bytes.span, to: &digits)
        let text = digits.span.text ?? ""
        #expect(text.hasPrefix("000102030405060708090a0b"))
        var decoded = ByteBuffer()
        let isDecoded = Hexadecimal.decode(digits.span, into: &decoded)
        #expect(isDecoded)
        let copy = (0..<decoded.count).map { decoded[$0] }
        #expect(copy == bytes)
        for character in bytes {
            let isDigit = Character(UnicodeScalar(character)).isHexDigit && character < 128
            var target = ByteBuffer()
            let taken = Hexadecimal.decode([0x30, character].span, into: &target)
            #expect(taken == isDigit)
            let count = target.count
            #expect(count == (isDigit ? 1 : 0))
        }
        let isOddTaken = Hexadecimal.decode("abc".utf8Span.span, into: &decoded)
        #expect(!isOddTaken)
    }

    @Test("Random bytes differ, and as many come as were asked for")
    func random() {
        for count in [0, 1, 255, 256, 257, 1_000] {
            #expect(RandomBytes.make(count).count == count)
            #expect(RandomBytes.hexadecimal(count).utf8.count == 2 * count)
        }
        #expect(RandomBytes.make(16) != RandomBytes.make(16))
        // Each piece is filled to its end: 1,000 times not to see one bit of a byte is no chance.
        var seen = [UInt8](repeating: 0, count: 600)
        for _ in 0..<1_000 {
            for (index, byte) in RandomBytes.make(600).enumerated() { seen[index] |= byte }
        }
        #expect(seen.allSatisfy { $0 == 255 })
    }

    @Test("HKDF derives what RFC 5869 has in A.1, and the beginning of it when less is asked for")
    func derivation() {
        let secret = [UInt8](repeating: 0x0B, count: 22)
        let salt = Array(UInt8(0)...12)
        let info = Array(UInt8(0xF0)...0xF9)
        func derived(_ count: Int) -> String {
            let bytes = HKDFSHA256.derive(
                from: secret.span, salt: salt.span, info: info.span, count: count)
            return Hexadecimal.text(of: bytes.span)
        }
        let expected =
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
        #expect(derived(42) == expected)
        #expect(derived(7) == expected.prefix(14))
        #expect(derived(0) == "")
    }
}
