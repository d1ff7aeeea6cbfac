internal import COpenSSL

/// One direction of a connection's records: key and iv, the number of the next record, and in TLS 1.3 the secret that
/// the next key is made of (RFC 8446, 5.3 and 7.3; RFC 5288, 3; RFC 7905, 2).
///
/// Plain bytes: who owns them wipes them.
struct RecordKeys: BitwiseCopyable, Sendable {
    /// TLS 1.3: `application_traffic_secret_N`, of the hash's length.
    private(set) var secret = InlineArray<6, UInt64>(repeating: 0)

    /// As many bytes as the cipher's keys have; the rest are zero.
    var key = InlineArray<4, UInt64>(repeating: 0)

    /// Of the next record.
    var number: UInt64 = 0

    /// The iv: its last eight bytes as a number, and the first four as they lie in memory. With GCM in TLS 1.2 these
    /// four are all of it; the number then is what our record 0 would show as its explicit nonce.
    private var ivTail: UInt64 = 0
    private var ivHead: UInt32 = 0
}

// Where keys come from.
extension RecordKeys {
    /// The first keys of TLS 1.3, from the first bytes of `bytes`, as many as the hash makes.
    mutating func setSecret(_ bytes: Span<UInt8>, of suite: RecordSuite) {
        let bytes = bytes.extracting(0..<suite.hash.length)
        // Safe: the field has 48 bytes, the longest hash's length.
        unsafe withUnsafeMutableBytes(of: &secret) { secret in
            unsafe bytes.withUnsafeBytes { unsafe secret.copyMemory(from: $0) }
        }
        deriveKeys(of: suite)
    }

    /// `application_traffic_secret_N+1` and its keys (RFC 8446, 7.2).
    mutating func update(_ suite: RecordSuite) {
        let hash = suite.hash
        var next = InlineArray<6, UInt64>(repeating: 0)
        // Safe: both have 48 bytes; the intermediate copy is wiped.
        unsafe withUnsafeMutableBytes(of: &next) { next in
            let target = unsafe UnsafeMutableRawBufferPointer(rebasing: next.prefix(hash.length))
            defer { unsafe OPENSSL_cleanse(next.baseAddress, next.count) }
            unsafe withUnsafeMutableBytes(of: &secret) { secret in
                guard let start = secret.baseAddress else { preconditionFailure("it has bytes") }
                unsafe KeyDerivation.expand("traffic upd", of: start, hash, into: target)
                unsafe secret.copyMemory(from: UnsafeRawBufferPointer(target))
            }
        }
        deriveKeys(of: suite)
    }

    /// `[sender]_write_key` and `[sender]_write_iv` from the secret (RFC 8446, 7.3). Numbers begin at zero again.
    private mutating func deriveKeys(of suite: RecordSuite) {
        let hash = suite.hash
        var iv = InlineArray<12, UInt8>(repeating: 0)
        // Safe: each region is of the length that is asked for.
        unsafe withUnsafeMutableBytes(of: &secret) { secret in
            guard let secret = secret.baseAddress else { preconditionFailure("it has bytes") }
            unsafe withUnsafeMutableBytes(of: &key) { key in
                let key = unsafe UnsafeMutableRawBufferPointer(
                    rebasing: key.prefix(suite.cipher.keyLength))
                unsafe KeyDerivation.expand("key", of: secret, hash, into: key)
            }
            unsafe withUnsafeMutableBytes(of: &iv) { iv in
                unsafe KeyDerivation.expand("iv", of: secret, hash, into: iv)
            }
        }
        unsafe withUnsafeMutableBytes(of: &iv) { unsafe setIV(UnsafeRawBufferPointer($0)) }
        number = 0
    }

    /// The keys of TLS 1.2, cut out of the key block. `iv` has 12 bytes, or with GCM four; `explicitNonce` is then
    /// what the record of that `number` is to show.
    mutating func set(
        key bytes: UnsafeRawBufferPointer,
        iv: UnsafeRawBufferPointer,
        number: UInt64,
        explicitNonce: UInt64
    ) {
        // Safe: the field has 32 bytes, the longest key's length.
        unsafe withUnsafeMutableBytes(of: &key) { unsafe $0.copyMemory(from: bytes) }
        unsafe setIV(iv)
        self.number = number
        if iv.count == 4 { ivTail = explicitNonce &- number }
    }

    private mutating func setIV(_ iv: UnsafeRawBufferPointer) {
        // Safe: an iv has 4 or 12 bytes.
        unsafe ivHead = iv.loadUnaligned(as: UInt32.self)
        if iv.count == RecordCipher.nonceLength {
            let tail = unsafe iv.loadUnaligned(fromByteOffset: 4, as: UInt64.self)
            ivTail = UInt64(bigEndian: tail)
        }
    }
}

/// The nonce of one record, 12 bytes as they lie in memory.
struct RecordNonce: BitwiseCopyable {
    var words: InlineArray<3, UInt32>

    @inline(__always)
    init(head: UInt32, tail: UInt64) {
        words = [
            head, UInt32(truncatingIfNeeded: tail >> 32).bigEndian,
            UInt32(truncatingIfNeeded: tail).bigEndian,
        ]
    }
}

extension RecordKeys {
    /// The next record's nonce: the iv, with the number in its last eight bytes (RFC 8446, 5.3; RFC 7905, 2).
    @inline(__always)
    var nonce: RecordNonce { RecordNonce(head: ivHead, tail: ivTail ^ number) }

    /// What the next record of ours shows as its nonce: each once (RFC 5288, 3).
    @inline(__always)
    var explicitNonce: UInt64 { ivTail &+ number }

    /// The nonce of a record that shows `explicit`.
    @inline(__always)
    func nonce(showing explicit: UInt64) -> RecordNonce {
        RecordNonce(head: ivHead, tail: explicit)
    }
}
