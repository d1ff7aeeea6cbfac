internal import COpenSSL

/// SHA-1 (FIPS 180-4), for the protocols that still name it: WebSocket's opening handshake
/// (RFC 6455, 1.3), where it proves nothing but that the server has read the request. Never for
/// anything that must be hard to forge. Allocates nothing.
public enum SHA1 {
    /// Bytes of a digest.
    public static var length: Int { 20 }

    /// The digest of one message.
    public static func hash(_ bytes: Span<UInt8>) -> InlineArray<20, UInt8> {
        var state = SHA_CTX()
        var digest = InlineArray<20, UInt8>(repeating: 0)
        var target = digest.mutableSpan
        // Safe: the structure is ours and written by SHA1_Init(3); the message is borrowed for the
        // call; 20 bytes are what SHA1_Final(3) writes.
        unsafe SHA1_Init(&state)
        unsafe bytes.withUnsafeBytes { bytes in
            _ = unsafe SHA1_Update(&state, bytes.baseAddress, bytes.count)
        }
        unsafe target.withUnsafeMutableBytes { target in
            let start = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            _ = unsafe SHA1_Final(start, &state)
        }
        return digest
    }
}
