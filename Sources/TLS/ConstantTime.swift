internal import COpenSSL

/// Whether both hold the same bytes, in a time that depends on their length only (CRYPTO_memcmp(3)).
/// Different lengths are unequal, at once.
public func constantTimeEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    guard left.count > 0 else { return true }
    // Safe: both regions are borrowed for the call and `count` bytes long.
    return unsafe left.withUnsafeBytes { left in
        unsafe right.withUnsafeBytes { right in
            unsafe CRYPTO_memcmp(left.baseAddress, right.baseAddress, left.count) == 0
        }
    }
}
