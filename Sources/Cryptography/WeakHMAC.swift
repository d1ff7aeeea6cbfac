internal import Bytes
internal import COpenSSL

/// HMAC (RFC 2104) with a hash that is not to be chosen any more, for devices that can do nothing else. As a code of a
/// message neither has been forged yet (RFC 6151, 2.3); their hashes have.
public enum WeakHMAC: Sendable {
    case md5
    case sha1

    /// Whether `text` is the code of `message` in hexadecimal, of either case. The time taken does not depend on which
    /// digits differ. False where OpenSSL doesn't offer the hash.
    public func isCode(
        _ text: Span<UInt8>, of message: Span<UInt8>, key: Span<UInt8>
    ) -> Bool {
        var code = InlineArray<64, UInt8>(repeating: 0)
        var length: UInt32 = 0
        let hash =
            switch self {
            case .md5: unsafe EVP_md5()
            case .sha1: unsafe EVP_sha1()
            }
        var target = code.mutableSpan
        // Safe: all regions are borrowed for the call; the longest code of HMAC(3) has 64 bytes.
        let isMade = unsafe target.withUnsafeMutableBytes { target in
            unsafe key.withUnsafeBytes { key in
                unsafe message.withUnsafeBytes { message in
                    unsafe HMAC(
                        hash, key.baseAddress, Int32(key.count),
                        message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count,
                        target.baseAddress?.assumingMemoryBound(to: UInt8.self), &length) != nil
                }
            }
        }
        var decoded = ByteBuffer()
        guard isMade, Hexadecimal.decode(text, into: &decoded) else { return false }
        return constantTimeEqual(decoded.span, code.span.extracting(0..<Int(length)))
    }
}
