internal import Glibc

/// Which authorities a server's certificate may come from, for programs that people start.
public enum TrustedAuthorities {
    /// Where distributions keep those that they trust.
    private static var systemFiles: [String] {
        [
            "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
            "/etc/ssl/cert.pem",
        ]
    }

    /// A PEM file: the one that was named, else of `TOLLGATE_CA` or `SSL_CERT_FILE`, else the system's; `nil` when there
    /// is none of these. Whether a file that was named is there is not looked at.
    public static func file(named name: String?) -> String? {
        // Safe: the C function reads the path during the call.
        name ?? variable("TOLLGATE_CA") ?? variable("SSL_CERT_FILE")
            ?? systemFiles.first { unsafe access($0, R_OK) == 0 }
    }

    private static func variable(_ name: String) -> String? {
        // Safe: the C function reads the name during the call, and programs change no variable once they run.
        unsafe getenv(name).map { unsafe String(cString: $0) }
    }
}
