import Bytes
import Testing

@testable import TLS

@Suite("SHA-1")
struct SHA1Tests {
    @Test(
        "the digests of FIPS 180-4's examples, and of nothing",
        arguments: [
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1"
            ),
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
        ]
    )
    func examples(message: String, digest: String) {
        var digits = ByteBuffer()
        let hash = SHA1.hash(message.utf8Span.span)
        Hexadecimal.append(hash.span, to: &digits)
        #expect(digits.span.text == digest)
    }
}
