import FoundationEssentials

/// Which authorities an API's certificate may come from.
enum TrustedAuthorities {
    /// Where distributions keep those that they trust.
    private static let systemFiles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/cert.pem",
    ]

    /// A PEM file: the one that was named, else of `TOLLGATE_CA` or `SSL_CERT_FILE`, else the system's.
    static func file(named name: String?) throws(Failure) -> String {
        let environment = ProcessInfo.processInfo.environment
        let named = name ?? environment["TOLLGATE_CA"] ?? environment["SSL_CERT_FILE"]
        let file = named ?? systemFiles.first { FileManager.default.fileExists(atPath: $0) }
        guard let file else {
            throw Failure(
                text:
                    "which authorities are trusted is not known: name a PEM file of them (--api-ca FILE)",
                code: 2)
        }
        return file
    }
}
