import Bytes
import Cryptography
import Testing

@Suite struct AES256GCMTests {
    /// A message of the published test vectors, in hexadecimal.
    struct Vector: Sendable {
        let name: String
        let key: String
        let nonce: String
        var plaintext = ""
        var associated = ""
        let sealed: String
    }

    private static let fefe =
        "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308"

    /// McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B (as submitted to NIST),
    /// cases 13 to 16; and NIST's CAVS file gcmEncryptExtIV256, its first case without plaintext.
    static let vectors = [
        Vector(
            name: "13",
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            sealed: "530f8afbc74536b9a963b4f1c4cb738b"
        ),
        Vector(
            name: "14",
            key: String(repeating: "00", count: 32),
            nonce: String(repeating: "00", count: 12),
            plaintext: String(repeating: "00", count: 16),
            sealed: "cea7403d4d606b6e074ec5d3baf39d18" + "d0d1c8a799996bf0265b98b5d48ab919"
        ),
        Vector(
            name: "15",
            key: fefe,
            nonce: "cafebabefacedbaddecaf888",
            plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad"
                + "b094dac5d93471bdec1a502270e3cc6c"
        ),
        Vector(
            name: "16",
            key: fefe,
            nonce: "cafebabefacedbaddecaf888",
            plaintext: "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
                + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
            associated: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
            sealed: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
                + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662"
                + "76fc6ece0f4e1768cddf8853bb2d551b"
        ),
        Vector(
            name: "CAVS, 256, 96, 0, 0, 128, count 0",
            key: "b52c505a37d78eda5dd34f20c22540ea1b58963cf8e5bf8ffa85f9f2492505b4",
            nonce: "516c33929df5a3284ff463d7",
            sealed: "bdc1ac884d332457a1d2664f168c76f0"
        ),
    ]

    private static func bytes(_ hexadecimal: String) -> [UInt8] {
        var buffer = ByteBuffer()
        let isDecoded = Hexadecimal.decode(hexadecimal.utf8Span.span, into: &buffer)
        precondition(isDecoded)
        return (0..<buffer.count).map { buffer[$0] }
    }

    @Test(
        "[SP 800-38D] The published vectors are sealed and opened, one after the other by one cipher",
        arguments: vectors)
    func published(_ vector: Vector) throws {
        var cipher = try AES256GCM(key: Self.bytes(vector.key).span)
        for _ in 0..<2 {
            var sealed = ByteBuffer()
            try cipher.seal(
                Self.bytes(vector.plaintext).span,
                nonce: Self.bytes(vector.nonce).span,
                associated: Self.bytes(vector.associated).span,
                into: &sealed
            )
            let ciphertext = Hexadecimal.text(of: sealed.span)
            #expect(ciphertext == vector.sealed, "\(vector.name)")
            var opened = ByteBuffer()
            try cipher.open(
                sealed.span,
                nonce: Self.bytes(vector.nonce).span,
                associated: Self.bytes(vector.associated).span,
                into: &opened
            )
            let plaintext = Hexadecimal.text(of: opened.span)
            #expect(plaintext == vector.plaintext, "\(vector.name)")
        }
    }

    @Test(
        "Any bit changed, anywhere, is noticed, and nothing is given out; then the next one opens")
    func changed() throws {
        let vector = Self.vectors[3]
        var cipher = try AES256GCM(key: Self.bytes(vector.key).span)
        let parts = [vector.sealed, vector.nonce, vector.associated].map { Self.bytes($0) }
        func opens(_ parts: [[UInt8]]) -> Bool {
            var opened = ByteBuffer()
            opened.append(UInt8(7))
            let (sealed, nonce, associated) = (parts[0], parts[1], parts[2])
            do throws(CryptoError) {
                try cipher.open(
                    sealed.span, nonce: nonce.span, associated: associated.span, into: &opened)
            } catch {
                #expect(error == .notAuthentic)
                let isUntouched = opened.count == 1 && opened[0] == 7
                #expect(isUntouched)
                return false
            }
            return true
        }
        for part in parts.indices {
            for bit in 0..<parts[part].count * 8 {
                var changed = parts
                changed[part][bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(!opens(changed), "bit \(bit) of part \(part)")
            }
        }
        for count in [0, 15, 16, parts[0].count - 1] {
            #expect(!opens([Array(parts[0].prefix(count)), parts[1], parts[2]]), "\(count) bytes")
        }
        #expect(!opens([parts[0], parts[1], []]))
        #expect(opens(parts))
        var other = try AES256GCM(key: [UInt8](repeating: 1, count: 32).span)
        swap(&other, &cipher)
        #expect(!opens(parts))
    }
}
