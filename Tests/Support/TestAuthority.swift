public import Ledger
import Linux
import Reactor
import TestFiles
public import TLS
import Time

/// An account's authority: a CA, made with the `openssl` command line, that signs devices' certificates.
public struct TestAuthority: Sendable {
    private let directory = TemporaryDirectory()

    public init(name: String) throws {
        try TestCertificates.openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=\(name)"] + TestCertificates.key + [
                "-keyout", directory.file("ca-key.pem"), "-out", directory.file("ca.pem"),
                "-addext", "keyUsage=critical,keyCertSign",
            ])
    }

    /// The authority's certificate.
    public var certificate: AuthorityCertificate {
        get throws {
            let bytes = try FileSystem.read(directory.file("ca.pem"), maximumBytes: 1 << 16)
            return try AuthorityCertificate(
                pem: String(decoding: bytes, as: UTF8.self),
                at: TimeSource.system.wall.milliseconds / 1_000)
        }
    }

    /// What registers it, as the API finds it out.
    public func registration(of account: AccountID) throws -> NewAuthority {
        let found = try certificate
        return NewAuthority(
            id: AuthorityID(found.fingerprint), account: account, name: "Authority",
            certificate: found.der, subject: found.subject,
            notBefore: Timestamp(milliseconds: found.notBeforeSeconds * 1_000),
            notAfter: Timestamp(milliseconds: found.notAfterSeconds * 1_000))
    }

    /// A client that shows a certificate for that common name, signed by the authority.
    public func client(
        _ commonName: String, version: TLSVersion = .v1_3, trusting serverAuthority: String
    ) throws -> TLSContext {
        let own = TemporaryDirectory()
        try TestCertificates.openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=\(commonName)"] + TestCertificates.key + [
                "-CA", directory.file("ca.pem"), "-CAkey", directory.file("ca-key.pem"),
                "-keyout", own.file("key.pem"), "-out", own.file("cert.pem"),
                "-addext", "basicConstraints=critical,CA:FALSE",
            ])
        return try TLSContext(
            connecting: TLSClientConfiguration(
                authorityFile: serverAuthority,
                certificateChainFile: own.file("cert.pem"), privateKeyFile: own.file("key.pem"),
                minimumVersion: version, maximumVersion: version))
    }
}
