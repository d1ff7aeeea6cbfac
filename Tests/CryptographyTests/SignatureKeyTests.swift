import Cryptography
import Testing

/// Signatures of tokens, against the standards' own examples.
@Suite struct SignatureKeyTests {
    private static let coordinates = (
        "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
    )

    private static let point =
        [0x04] + Base64URL.decoded(coordinates.0)! + Base64URL.decoded(coordinates.1)!

    private static let edwards = Base64URL.decoded("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")!

    private static let signedByP256 =
        "eyJhbGciOiJFUzI1NiJ9"
        + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

    private static let signatureOfP256 = Base64URL.decoded(
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")!

    private static let signedByEdwards =
        "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"

    private static let signatureOfEdwards = Base64URL.decoded(
        "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg")!

    private func isSignature(_ key: SignatureKey?, _ signature: [UInt8], _ text: String) -> Bool {
        key?.isSignature(signature.span, of: text.utf8Span.span) ?? false
    }

    /// All that differs from the bytes in one bit, and what is longer or shorter.
    private func changed(_ bytes: [UInt8]) -> [[UInt8]] {
        bytes.indices.map { index in
            var changed = bytes
            changed[index] ^= 1 << UInt8(index % 8)
            return changed
        } + [[], Array(bytes.dropLast()), bytes + [0]]
    }

    @Test("[RFC 7515, A.3] a signature of P-256 is its key's and its message's only")
    func p256() {
        let key = SignatureKey(.p256, Self.point)
        #expect(isSignature(key, Self.signatureOfP256, Self.signedByP256))
        #expect(!isSignature(key, Self.signatureOfP256, Self.signedByP256 + "x"))
        #expect(!isSignature(key, Self.signatureOfEdwards, Self.signedByEdwards))
        for signature in changed(Self.signatureOfP256) {
            #expect(!isSignature(key, signature, Self.signedByP256))
        }
        // Numbers that are no signature's: 0, and what is over the group's order.
        for byte: UInt8 in [0, 1, 0x80, 0xFF] {
            let signature = [UInt8](repeating: byte, count: 64)
            #expect(!isSignature(key, signature, Self.signedByP256))
        }
        #expect(isSignature(key, Self.signatureOfP256, Self.signedByP256))
    }

    @Test("[RFC 8037, A.4] a signature of Ed25519 is its key's and its message's only")
    func ed25519() {
        let key = SignatureKey(.ed25519, Self.edwards)
        #expect(isSignature(key, Self.signatureOfEdwards, Self.signedByEdwards))
        #expect(!isSignature(key, Self.signatureOfEdwards, Self.signedByEdwards + "x"))
        for signature in changed(Self.signatureOfEdwards) {
            #expect(!isSignature(key, signature, Self.signedByEdwards))
        }
        for other in changed(Self.edwards) {
            let key = SignatureKey(.ed25519, other)
            #expect(!isSignature(key, Self.signatureOfEdwards, Self.signedByEdwards))
        }
    }

    @Test("what is no point of the curve is no key")
    func points() {
        #expect(SignatureKey(.p256, Self.point)?.bytes == Self.point)
        for bytes in changed(Self.point) { #expect(SignatureKey(.p256, bytes) == nil) }
        #expect(SignatureKey(.p256, [0]) == nil && SignatureKey(.ed25519, Self.point) == nil)
        #expect(SignatureKey(.p256, Self.edwards) == nil)
    }

    private static let pem = """
        -----BEGIN PUBLIC KEY-----
        MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7
        6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==
        -----END PUBLIC KEY-----

        """

    @Test("PEM: a public key of the two kinds, and nothing else")
    func files() {
        let edwards =
            "-----BEGIN PUBLIC KEY-----\r\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\r\n-----END PUBLIC KEY-----"
        #expect(SignatureKey(pem: Self.pem)?.bytes == Self.point)
        #expect(SignatureKey(pem: edwards)?.bytes == Self.edwards)
        for text in [
            "", "MFkw", Self.pem.replacing("PUBLIC", with: "PRIVATE"),
            Self.pem.replacing("f83", with: "f84"), Self.pem.replacing("lrQ==", with: "lrQ="),
            Self.pem.replacing("MFkw", with: "MFow"), String(Self.pem.dropLast(40)),
            Self.pem + Self.pem,
        ] {
            #expect(SignatureKey(pem: text) == nil, "\(text)")
        }
    }

    @Test("[RFC 7515, 2] Base64 for URLs: there and back, and one text for each bytes")
    func base64URL() {
        for count in 0...67 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 250) }
            #expect(Base64URL.decoded(Base64URL.encoded(bytes)) == bytes)
        }
        #expect(Base64URL.encoded([0xFB, 0xFF]) == "-_8")
        for text in ["A", "Zg==", "Zh", "Zm9", "AAAAA", "+/8", "-_9", "Zg=", "Z g", "Zg\n", "Zm8é"]
        {
            #expect(Base64URL.decoded(text) == nil, "\(text)")
        }
    }
}
