import Bytes
import Cryptography
import Testing

@Suite struct Base64Tests {
    @Test(
        "[RFC 4648, 10] the standard's own examples, there and back",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
        ])
    func examples(_ text: String, _ encoded: String) {
        #expect(Base64.encoded(Array(text.utf8)) == encoded)
        #expect(Base64.decoded(encoded) == Array(text.utf8))
        var buffer = ByteBuffer()
        buffer.append(utf8: ">")
        Base64.append(text.utf8Span.span, to: &buffer)
        #expect(buffer.span.bytesArray == Array(">\(encoded)".utf8))
    }

    @Test("every byte, at every place of a group, comes back")
    func bytes() {
        for count in 253...256 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0) }
            #expect(Base64.decoded(Base64.encoded(bytes)) == bytes)
        }
        #expect(Base64.encoded([0xFB, 0xFF]) == "+/8=")
    }

    @Test(
        "[RFC 4648, 3.3] what is no such text is refused",
        arguments: [
            "A", "Zm9", "Z===", "A===", "====", "=AP8", "Zm9=vYm", "Zm 9", "Zg=a", "A=AA", "Zm9v\n",
            "-_8=", "AAA\u{e9}",
        ])
    func refused(_ text: String) {
        #expect(Base64.decoded(text) == nil)
    }
}
