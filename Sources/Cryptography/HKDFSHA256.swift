/// HKDF with SHA-256 (RFC 5869): keys of any length from one secret.
public enum HKDFSHA256 {
    /// - Parameters:
    ///   - salt: what tells one use from another; need not be secret.
    ///   - info: what tells the derived keys of a use from each other.
    ///   - count: in bytes, at most 255 times 32.
    public static func derive(
        from secret: Span<UInt8>, salt: Span<UInt8>, info: Span<UInt8>, count: Int
    ) -> [UInt8] {
        precondition(count <= 255 * SHA256Digest.length, "more than HKDF has")
        var extraction = HMACSHA256(key: salt)
        extraction.update(secret)
        let key = extraction.finalize()
        var derived: [UInt8] = []
        var block: [UInt8] = []
        var number: UInt8 = 0
        while derived.count < count {
            number += 1
            var expansion = HMACSHA256(key: key.span)
            expansion.update(block.span)
            expansion.update(info)
            expansion.update([number].span)
            let digest = expansion.finalize()
            block = (0..<SHA256Digest.length).map { digest.span[$0] }
            derived += block
        }
        return Array(derived.prefix(count))
    }
}
