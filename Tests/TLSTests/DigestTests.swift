import Bytes
import TLS
import Testing

@Suite struct DigestTests {
    private func matches(_ digest: SHA256Digest, _ text: [UInt8]) -> Bool {
        digest.matches(hexadecimal: text.span)
    }

    @Test("[FIPS 180-4] SHA-256 of the standard's messages, in pieces or not")
    func hash() {
        let digest = SHA256.hash("abc".utf8Span.span)
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(digest.description == expected)
        var pieces = SHA256()
        pieces.update("a".utf8Span.span)
        pieces.update(Span())
        pieces.update("bc".utf8Span.span)
        #expect(pieces.finalize() == digest)
        let empty = SHA256().finalize().description
        #expect(empty == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test(
        "[RFC 4231] HMAC-SHA256 of the test cases 1, 2 and 6",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131),
                "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ]
    )
    func code(key: [UInt8], message: String, expected: String) {
        var code = HMACSHA256(key: key.span)
        for piece in message.split(separator: "", omittingEmptySubsequences: false) {
            code.update(String(piece).utf8Span.span)
        }
        let digest = code.finalize()
        #expect(digest.description == expected)
        #expect(matches(digest, Array(expected.utf8)))
        #expect(matches(digest, Array(expected.uppercased().utf8)))
        #expect(!matches(digest, Array(expected.dropLast().description.utf8)))
        var changed = Array(expected.utf8)
        for index in changed.indices {
            changed[index] = changed[index] == 0x30 ? 0x31 : 0x30
            #expect(!matches(digest, changed))
            changed[index] = 0x67
            #expect(!matches(digest, changed))
            changed[index] = Array(expected.utf8)[index]
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
        let text = String(copying: digits.span)
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
}
