internal import COpenSSL

/// What checking a signature by a key of somebody else's may cost. OpenSSL takes RSA keys whose public exponent is as long
/// as the modulus, where a check takes two hundred times as long as with the one that all use, and DSA keys of 10,000 bits.
enum PublicKeyCost {
    /// The most bits of a client's key.
    static let clientBits: Int32 = 4_096

    /// Of a public exponent: 65537 has 17.
    private static let exponentBits: Int32 = 64

    /// Whether it is of a kind that is in use, no longer than that, and of a short exponent.
    static func isBounded(_ key: OpaquePointer, upTo bits: Int32) -> Bool {
        guard unsafe EVP_PKEY_get_bits(key) <= bits else { return false }
        if unsafe EVP_PKEY_is_a(key, "RSA") == 1 || EVP_PKEY_is_a(key, "RSA-PSS") == 1 {
            var exponent: OpaquePointer?
            // Safe: gives us a number of our own, which is freed below.
            guard unsafe EVP_PKEY_get_bn_param(key, "e", &exponent) == 1 else { return false }
            defer { unsafe BN_free(exponent) }
            return unsafe BN_num_bits(exponent) <= exponentBits
        }
        return unsafe EVP_PKEY_is_a(key, "EC") == 1 || EVP_PKEY_is_a(key, "ED25519") == 1
            || EVP_PKEY_is_a(key, "ED448") == 1
    }
}
