internal import COpenSSL

/// The derivations of keys that are left once OpenSSL has shaken hands: EVP_KDF(3), no cryptography of ours.
///
/// They happen at the hand-over and at a KeyUpdate, not for each record.
enum KeyDerivation {
    // Safe: fetched once, under the lock of a `static let`; counted by reference and never changed.
    private nonisolated(unsafe) static let expansion: OpaquePointer? = unsafe EVP_KDF_fetch(
        nil, "TLS13-KDF", "provider=default")
    private nonisolated(unsafe) static let pseudorandom: OpaquePointer? = unsafe EVP_KDF_fetch(
        nil, "TLS1-PRF", "provider=default")

    /// `HKDF-Expand-Label(secret, label, "", target.count)` (RFC 8446, 7.1). Answers false without memory.
    static func expand(
        _ label: String,
        of secret: UnsafeRawPointer,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let context = unsafe EVP_KDF_CTX_new(expansion) else { return false }
        // Safe: made here, freed here; freeing it wipes the secret that it has copied.
        defer { unsafe EVP_KDF_CTX_free(context) }
        return unsafe tollgate_tls13_expand_label(
            context, hash.fetchName, secret.assumingMemoryBound(to: UInt8.self), hash.length, label,
            target.baseAddress?.assumingMemoryBound(to: UInt8.self), target.count) == 1
    }

    /// `PRF(master, "key expansion", server random + client random)` (RFC 5246, 6.3). Answers false without memory.
    static func expandMaster(
        _ master: UnsafeRawBufferPointer,
        serverRandom: UnsafePointer<UInt8>,
        clientRandom: UnsafePointer<UInt8>,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) -> Bool {
        guard let context = unsafe EVP_KDF_CTX_new(pseudorandom) else { return false }
        // Safe: made here, freed here; freeing it wipes the secret that it has copied.
        defer { unsafe EVP_KDF_CTX_free(context) }
        return unsafe tollgate_tls12_key_block(
            context, hash.fetchName, master.baseAddress?.assumingMemoryBound(to: UInt8.self),
            master.count, serverRandom, clientRandom,
            target.baseAddress?.assumingMemoryBound(to: UInt8.self), target.count) == 1
    }
}
