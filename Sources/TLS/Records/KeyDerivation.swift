/// The derivations of keys that are left once OpenSSL has shaken hands, on `HandshakeDerivation`: EVP_KDF(3) allocates a
/// context and looks a hash up for each, which is most of what they cost.
///
/// They happen at the hand-over and at a KeyUpdate, not for each record.
enum KeyDerivation {
    /// `HKDF-Expand-Label(secret, label, "", target.count)` (RFC 8446, 7.1), of at most a hash's length.
    static func expand(
        _ label: StaticString,
        of secret: UnsafeRawPointer,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) {
        // Safe: a static string stays, and a secret is as long as its hash.
        let label = unsafe UnsafeRawBufferPointer(
            start: label.utf8Start, count: label.utf8CodeUnitCount)
        let secret = unsafe UnsafeRawBufferPointer(start: secret, count: hash.length)
        let none = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
        let isMade =
            switch hash {
            case .sha256:
                unsafe HandshakeDerivation<PlainSHA256>.expand(
                    secret, label: label, context: none, into: target)
            case .sha384:
                unsafe HandshakeDerivation<PlainSHA384>.expand(
                    secret, label: label, context: none, into: target)
            }
        precondition(isMade, "labels of ours are short, and so are keys")
    }

    /// `PRF(master, "key expansion", server random + client random)` (RFC 5246, 6.3).
    static func expandMaster(
        _ master: UnsafeRawBufferPointer,
        serverRandom: UnsafePointer<UInt8>,
        clientRandom: UnsafePointer<UInt8>,
        _ hash: RecordHash,
        into target: UnsafeMutableRawBufferPointer
    ) {
        let label: StaticString = "key expansion"
        // Safe: the label has 13 bytes, a random 32.
        unsafe withUnsafeTemporaryAllocation(byteCount: 13 + 64, alignment: 1) { seed in
            guard let start = seed.baseAddress else { preconditionFailure("it has bytes") }
            unsafe start.copyMemory(from: label.utf8Start, byteCount: 13)
            unsafe (start + 13).copyMemory(from: serverRandom, byteCount: 32)
            unsafe (start + 45).copyMemory(from: clientRandom, byteCount: 32)
            let seed = UnsafeRawBufferPointer(seed)
            switch hash {
            case .sha256:
                unsafe HandshakeDerivation<PlainSHA256>.expandOlder(
                    master, seed: seed, into: target)
            case .sha384:
                unsafe HandshakeDerivation<PlainSHA384>.expandOlder(
                    master, seed: seed, into: target)
            }
        }
    }
}
