import COpenSSL
import Glibc

/// A folder of certificates made for one test, removed with the value.
@safe
final class CertificateFixture: Sendable {
    let folder: String

    /// Who signs, and what is signed by it.
    let authority: CertifiedKey
    let server: CertifiedKey

    init() {
        var template = Array("/tmp/tollgate-tls-XXXXXX".utf8CString)
        // Safe: the template is ours and ends with a zero.
        folder = unsafe String(cString: mkdtemp(&template))
        authority = CertifiedKey(commonName: "Test Authority", isAuthority: true)
        server = CertifiedKey(
            commonName: "gateway.test",
            alternativeNames: "DNS:gateway.test",
            signer: authority
        )
        authority.write(certificate: path("ca.pem"), key: path("ca-key.pem"))
        server.write(certificate: path("cert.pem"), key: path("key.pem"))
    }

    deinit {
        for name in Self.names { unsafe unlink(path(name)) }
        unsafe rmdir(folder)
    }

    private static let names = [
        "ca.pem", "ca-key.pem", "cert.pem", "key.pem", "other.pem", "other-key.pem", "secret.pem",
        "junk.pem", "client.pem", "client-key.pem", "ca2.pem", "ca2-key.pem",
    ]

    /// Of a file in the folder; its name must be one of `names` to be removed in the end.
    func path(_ name: String) -> String {
        precondition(Self.names.contains(name))
        return "\(folder)/\(name)"
    }

    func write(_ text: String, to name: String) {
        guard let file = unsafe fopen(path(name), "w") else { return }
        unsafe fputs(text, file)
        unsafe fclose(file)
    }
}
