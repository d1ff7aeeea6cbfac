internal import COpenSSL

/// HMAC-SHA256 (RFC 2104) over a message that comes in pieces. Allocates nothing.
///
/// Made of the SHA256_Init(3) family: with a fresh key and 100 bytes in four pieces it takes 0.26 us
/// here, against 0.37 for EVP_Digest with a fetched digest and two contexts kept, 0.63 for EVP_MAC
/// with its context kept, 1.07 for one duplicated and 1.7 for HMAC(3), on the same processor.
public struct HMACSHA256: Sendable {
    /// Bytes that SHA-256 takes at a time, which keys are padded to.
    private static let blockLength = 64

    /// The hash of the padded key and of the message so far.
    private var inner = SHA256()

    /// The hash of the other padded key, to be finished with the inner digest.
    private var outer = SHA256()

    /// Keyed, with an empty message. A key longer than 64 bytes counts as its SHA-256.
    public init(key: Span<UInt8>) {
        var block = InlineArray<64, UInt8>(repeating: 0x36)
        if key.count <= Self.blockLength {
            for index in key.indices { block[index] ^= key[index] }
        } else {
            let digest = SHA256.hash(key)
            for index in 0..<SHA256Digest.length { block[index] ^= digest.bytes[index] }
        }
        inner.update(block.span)
        // From the inner pad to the outer one.
        for index in block.indices { block[index] ^= 0x36 ^ 0x5C }
        outer.update(block.span)
    }

    /// Adds bytes to the message.
    public mutating func update(_ bytes: Span<UInt8>) {
        inner.update(bytes)
    }

    /// The code of all that was added.
    public consuming func finalize() -> SHA256Digest {
        let digest = inner.finalize()
        outer.update(digest.span)
        return outer.finalize()
    }
}
