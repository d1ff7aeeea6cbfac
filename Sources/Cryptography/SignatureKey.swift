internal import COpenSSL

/// A public key, ready to check signatures with: ECDSA with P-256 and SHA-256 (FIPS 186-5), or Ed25519 (RFC 8032).
///
/// For one thread at a time. What a check costs `make bench` says (Routing, "a device's token").
@safe
public final class SignatureKey {
    public enum Kind: Hashable, Sendable, CaseIterable {
        case p256
        case ed25519

        /// Bytes of a key: an uncompressed point, 0x04 and two coordinates; or what RFC 8032 has.
        public var keyLength: Int {
            switch self {
            case .p256: 65
            case .ed25519: 32
            }
        }

        /// What stands before the key in its SubjectPublicKeyInfo (RFC 5480, 2; RFC 8410, 4).
        fileprivate var prefix: [UInt8] {
            switch self {
            case .p256:
                [
                    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01,
                    0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
                ]
            case .ed25519:
                [0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00]
            }
        }
    }

    public let kind: Kind

    /// As it was given.
    public let bytes: [UInt8]
    private let key: OpaquePointer

    /// `nil` for what is no key of that kind: a wrong length, or a point that is not on the curve.
    public init?(_ kind: Kind, _ bytes: [UInt8]) {
        guard bytes.count == kind.keyLength, kind != .p256 || bytes[0] == 0x04 else { return nil }
        let encoded = kind.prefix + bytes
        // Safe: d2i_PUBKEY(3) reads `count` bytes of what is lent, and moves a pointer of its own.
        let made = unsafe encoded.withUnsafeBufferPointer { encoded in
            var start = encoded.baseAddress
            return unsafe d2i_PUBKEY(nil, &start, encoded.count)
        }
        guard let made = unsafe made else {
            ERR_clear_error()
            return nil
        }
        self.kind = kind
        self.bytes = bytes
        unsafe key = made
    }

    /// The key of a PEM file that holds nothing else: `BEGIN PUBLIC KEY` (RFC 7468, 13).
    ///
    /// `nil` for any other text, and for a key of another kind. A point is to be uncompressed.
    public convenience init?(pem text: String) {
        let lines = text.split(whereSeparator: \.isNewline)
            .map { $0.drop(while: \.isWhitespace) }.filter { !$0.isEmpty }
        guard lines.count >= 3, lines[0].hasPrefix("-----BEGIN PUBLIC KEY-----"),
            lines[lines.count - 1].hasPrefix("-----END PUBLIC KEY-----")
        else { return nil }
        let body = lines.dropFirst().dropLast().joined().filter { !$0.isWhitespace }
        guard let encoded = Base64.decoded(String(body)),
            let kind = Kind.allCases.first(where: {
                encoded.starts(with: $0.prefix)
                    && encoded.count == $0.prefix.count + $0.keyLength
            })
        else { return nil }
        self.init(kind, Array(encoded.dropFirst(kind.prefix.count)))
    }

    deinit {
        // Safe: made in `init`, freed once.
        unsafe EVP_PKEY_free(key)
    }

    /// Whether it is this key's signature of the message: 64 bytes, of P-256 r and s (RFC 7518, 3.4), of Ed25519 as RFC
    /// 8032 has it.
    public func isSignature(_ signature: Span<UInt8>, of message: Span<UInt8>) -> Bool {
        guard signature.count == 64 else { return false }
        switch kind {
        case .p256:
            let encoded = Self.encoded(signature)
            return unsafe isVerified(encoded.span, message, hash: EVP_sha256())
        case .ed25519: return unsafe isVerified(signature, message, hash: nil)
        }
    }

    private func isVerified(
        _ signature: Span<UInt8>, _ message: Span<UInt8>, hash: OpaquePointer?
    ) -> Bool {
        guard let context = unsafe EVP_MD_CTX_new() else { return false }
        defer { unsafe EVP_MD_CTX_free(context) }
        guard unsafe EVP_DigestVerifyInit(context, nil, hash, nil, key) == 1 else {
            ERR_clear_error()
            return false
        }
        // Safe: both regions are borrowed for the call.
        let outcome = unsafe signature.withUnsafeBytes { signature in
            unsafe message.withUnsafeBytes { message in
                unsafe EVP_DigestVerify(
                    context,
                    signature.baseAddress?.assumingMemoryBound(to: UInt8.self), signature.count,
                    message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count)
            }
        }
        // A wrong one leaves an error behind, which the next TLS call would take for its own.
        if outcome != 1 { ERR_clear_error() }
        return outcome == 1
    }

    /// Two numbers of 32 bytes as DER's SEQUENCE of two INTEGERs, at most 72 bytes.
    private static func encoded(_ signature: Span<UInt8>) -> [UInt8] {
        var numbers: [UInt8] = []
        for start in [0, 32] {
            var first = start
            while first < start + 31, signature[first] == 0 { first += 1 }
            let isNegative = signature[first] >= 0x80
            numbers.append(0x02)
            numbers.append(UInt8(start + 32 - first + (isNegative ? 1 : 0)))
            if isNegative { numbers.append(0) }
            for index in first..<start + 32 { numbers.append(signature[index]) }
        }
        return [0x30, UInt8(numbers.count)] + numbers
    }
}
