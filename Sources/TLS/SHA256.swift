internal import COpenSSL

/// SHA-256 (FIPS 180-4) over bytes that come in pieces. Allocates nothing.
///
/// Uses the SHA256_Init(3) family, whose state is a plain structure: see `HMACSHA256` for the
/// measurement.
public struct SHA256: Sendable {
    private var state = SHA256_CTX()

    public init() {
        // Safe: the structure is ours; the call writes all of it.
        unsafe SHA256_Init(&state)
    }

    /// Adds bytes to the message.
    public mutating func update(_ bytes: Span<UInt8>) {
        guard bytes.count > 0 else { return }
        // Safe: the region is borrowed for the call.
        unsafe bytes.withUnsafeBytes { bytes in
            _ = unsafe SHA256_Update(&state, bytes.baseAddress, bytes.count)
        }
    }

    /// The digest of all that was added.
    public consuming func finalize() -> SHA256Digest {
        var digest = InlineArray<32, UInt8>(repeating: 0)
        var target = digest.mutableSpan
        // Safe: 32 bytes are what SHA256_Final(3) writes.
        unsafe target.withUnsafeMutableBytes { target in
            let start = unsafe target.baseAddress?.assumingMemoryBound(to: UInt8.self)
            _ = unsafe SHA256_Final(start, &state)
        }
        return SHA256Digest(bytes: digest)
    }

    /// The digest of one message.
    public static func hash(_ bytes: Span<UInt8>) -> SHA256Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finalize()
    }
}
