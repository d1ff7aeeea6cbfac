/// What a listener offers in a handshake: OpenSSL's names, the best first.
public struct TLSAlgorithms: Sendable, Equatable {
    /// Cipher suites of TLS 1.3.
    public var cipherSuites: [String]

    /// Cipher suites of TLS 1.2, each with its key exchange: `ECDHE-RSA-AES128-GCM-SHA256`.
    public var ciphers: [String]

    /// Groups that keys are exchanged in, and that certificates' keys may be of.
    public var groups: [String]

    public init(cipherSuites: [String], ciphers: [String], groups: [String]) {
        self.cipherSuites = cipherSuites
        self.ciphers = ciphers
        self.groups = groups
    }

    /// Forward secrecy and authenticated encryption only. AES-128 first: about 6 % less work a connect than
    /// AES-256, and as safe for this. A client that puts ChaCha20 first, having no AES in hardware, gets it.
    public static let standard = TLSAlgorithms(
        cipherSuites: [
            "TLS_AES_128_GCM_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384",
        ],
        ciphers: [
            "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-RSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-RSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-RSA-AES256-GCM-SHA384",
        ],
        groups: ["X25519", "P-256"]
    )

    /// Behind these what old modems have: CBC, keys that are encrypted with the certificate's RSA key, and
    /// P-384. What was recorded of the latter can be read by who gets hold of that key later.
    public static let legacy = TLSAlgorithms(
        cipherSuites: standard.cipherSuites,
        ciphers: standard.ciphers + [
            "ECDHE-ECDSA-AES128-SHA256", "ECDHE-RSA-AES128-SHA256",
            "ECDHE-ECDSA-AES256-SHA384", "ECDHE-RSA-AES256-SHA384",
            "ECDHE-ECDSA-AES128-SHA", "ECDHE-RSA-AES128-SHA",
            "ECDHE-ECDSA-AES256-SHA", "ECDHE-RSA-AES256-SHA",
            "AES128-GCM-SHA256", "AES256-GCM-SHA384", "AES128-SHA256", "AES256-SHA256",
            "AES128-SHA", "AES256-SHA",
        ],
        groups: standard.groups + ["P-384"]
    )

    /// In front of these what clients with pre-shared keys have (RFC 4279, 5487, 5489, 7905): with ECDHE first, as what was
    /// recorded of the others can be read by who gets hold of the key later. No other client offers them. OpenSSL 3.0
    /// has none of RFC 8442's. TLS 1.3 has the same suites with a key and without.
    public static let legacyWithPreSharedKeys = TLSAlgorithms(
        cipherSuites: legacy.cipherSuites,
        ciphers: preSharedKeys.ciphers + legacy.ciphers,
        groups: legacy.groups
    )

    /// The suites for clients with pre-shared keys alone.
    public static let preSharedKeys = TLSAlgorithms(
        cipherSuites: standard.cipherSuites,
        ciphers: [
            "ECDHE-PSK-CHACHA20-POLY1305", "ECDHE-PSK-AES128-CBC-SHA256",
            "ECDHE-PSK-AES256-CBC-SHA384", "ECDHE-PSK-AES128-CBC-SHA", "ECDHE-PSK-AES256-CBC-SHA",
            "PSK-AES128-GCM-SHA256", "PSK-CHACHA20-POLY1305", "PSK-AES256-GCM-SHA384",
            "PSK-AES128-CCM", "PSK-AES256-CCM", "PSK-AES128-CBC-SHA256", "PSK-AES256-CBC-SHA384",
            "PSK-AES128-CBC-SHA", "PSK-AES256-CBC-SHA",
        ],
        groups: standard.groups
    )
}
