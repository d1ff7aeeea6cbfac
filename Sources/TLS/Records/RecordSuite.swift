/// A cipher suite whose records we protect ourselves, by its number (RFC 8446, B.4; RFC 5288, 3; RFC 5289, 3.2;
/// RFC 7905, 3; with pre-shared keys, RFC 5487, 2, and RFC 7905, 3). Sessions of other suites stay with OpenSSL.
enum RecordSuite: UInt16, CaseIterable, Sendable {
    // TLS 1.3.
    case aes128GCM = 0x1301
    case aes256GCM = 0x1302
    case chaCha20Poly1305 = 0x1303

    // TLS 1.2, each with its key exchange.
    case rsaAES128GCM = 0x009C
    case rsaAES256GCM = 0x009D
    case ecdheECDSAAES128GCM = 0xC02B
    case ecdheECDSAAES256GCM = 0xC02C
    case ecdheRSAAES128GCM = 0xC02F
    case ecdheRSAAES256GCM = 0xC030
    case ecdheRSAChaCha20Poly1305 = 0xCCA8
    case ecdheECDSAChaCha20Poly1305 = 0xCCA9
    case pskAES128GCM = 0x00A8
    case pskAES256GCM = 0x00A9
    case pskChaCha20Poly1305 = 0xCCAB
    case ecdhePSKChaCha20Poly1305 = 0xCCAC

    var version: TLSVersion {
        switch self {
        case .aes128GCM, .aes256GCM, .chaCha20Poly1305: .v1_3
        case .rsaAES128GCM, .rsaAES256GCM, .ecdheECDSAAES128GCM, .ecdheECDSAAES256GCM,
            .ecdheRSAAES128GCM, .ecdheRSAAES256GCM, .ecdheRSAChaCha20Poly1305,
            .ecdheECDSAChaCha20Poly1305, .pskAES128GCM, .pskAES256GCM, .pskChaCha20Poly1305,
            .ecdhePSKChaCha20Poly1305:
            .v1_2
        }
    }

    var cipher: RecordCipher {
        switch self {
        case .aes128GCM, .rsaAES128GCM, .ecdheECDSAAES128GCM, .ecdheRSAAES128GCM, .pskAES128GCM:
            .aes128GCM
        case .aes256GCM, .rsaAES256GCM, .ecdheECDSAAES256GCM, .ecdheRSAAES256GCM, .pskAES256GCM:
            .aes256GCM
        case .chaCha20Poly1305, .ecdheRSAChaCha20Poly1305, .ecdheECDSAChaCha20Poly1305,
            .pskChaCha20Poly1305, .ecdhePSKChaCha20Poly1305:
            .chaCha20Poly1305
        }
    }

    /// What secrets and keys are derived with.
    var hash: RecordHash {
        switch cipher {
        case .aes128GCM, .chaCha20Poly1305: .sha256
        case .aes256GCM: .sha384
        }
    }

    /// The standard's name.
    var name: String {
        switch self {
        case .aes128GCM: "TLS_AES_128_GCM_SHA256"
        case .aes256GCM: "TLS_AES_256_GCM_SHA384"
        case .chaCha20Poly1305: "TLS_CHACHA20_POLY1305_SHA256"
        case .rsaAES128GCM: "TLS_RSA_WITH_AES_128_GCM_SHA256"
        case .rsaAES256GCM: "TLS_RSA_WITH_AES_256_GCM_SHA384"
        case .ecdheECDSAAES128GCM: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
        case .ecdheECDSAAES256GCM: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
        case .ecdheRSAAES128GCM: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
        case .ecdheRSAAES256GCM: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
        case .ecdheRSAChaCha20Poly1305: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
        case .ecdheECDSAChaCha20Poly1305: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
        case .pskAES128GCM: "TLS_PSK_WITH_AES_128_GCM_SHA256"
        case .pskAES256GCM: "TLS_PSK_WITH_AES_256_GCM_SHA384"
        case .pskChaCha20Poly1305: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256"
        case .ecdhePSKChaCha20Poly1305: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256"
        }
    }

    /// Bytes of the nonce that a record shows in front of its ciphertext: only GCM in TLS 1.2 has it (RFC 5288, 3).
    @inline(__always)
    var explicitNonceLength: Int {
        version == .v1_2 && cipher != .chaCha20Poly1305 ? 8 : 0
    }
}

/// What encrypts and authenticates records. All have nonces of 12 bytes and tags of 16.
enum RecordCipher: UInt8, CaseIterable, Sendable {
    case aes128GCM
    case aes256GCM
    case chaCha20Poly1305

    var keyLength: Int {
        switch self {
        case .aes128GCM: 16
        case .aes256GCM, .chaCha20Poly1305: 32
        }
    }

    /// OpenSSL's name for it, EVP_CIPHER_fetch(3).
    var fetchName: String {
        switch self {
        case .aes128GCM: "AES-128-GCM"
        case .aes256GCM: "AES-256-GCM"
        case .chaCha20Poly1305: "ChaCha20-Poly1305"
        }
    }

    static var tagLength: Int { 16 }
    static var nonceLength: Int { 12 }
}

/// The hash of a cipher suite.
enum RecordHash: Sendable {
    case sha256
    case sha384

    /// Bytes of a digest, and so of a secret.
    var length: Int {
        switch self {
        case .sha256: 32
        case .sha384: 48
        }
    }
}
