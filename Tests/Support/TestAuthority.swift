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
                "-addext", "keyUsage=critical,keyCertSign,cRLSign",
            ])
    }

    /// Another certificate for the authority's name and key, as when the first one ends.
    public init(renewing authority: TestAuthority, name: String) throws {
        let key = try FileSystem.read(
            authority.directory.file("ca-key.pem"), maximumBytes: 1 << 16)
        try FileSystem.write(
            key.span, atomicallyTo: directory.file("ca-key.pem"), mode: 0o600)
        try TestCertificates.openSSL([
            "req", "-x509", "-days", "9", "-subj", "/CN=\(name)",
            "-key", directory.file("ca-key.pem"), "-out", directory.file("ca.pem"),
            "-addext", "keyUsage=critical,keyCertSign,cRLSign",
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

    /// The authority's list of revoked certificates, as the API makes it of what `openssl ca -gencrl` writes: of those
    /// serial numbers, with that number, and over after some seconds.
    public func revocations(
        _ serials: [UInt8], number: UInt8, endingIn seconds: Int = 86_400
    ) throws -> RevocationList {
        let own = TemporaryDirectory()
        func hexadecimal(_ byte: UInt8) -> String {
            (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
        }
        let rows = serials.map {
            "R\t490101000000Z\t250101000000Z\t\(hexadecimal($0))\tunknown\t/CN=a\n"
        }
        for (name, text) in [
            ("index", rows.joined()), ("index.attr", "unique_subject = no\n"),
            ("number", hexadecimal(number) + "\n"),
            (
                "ca.cnf",
                """
                [ca]
                default_ca = own
                [own]
                database = \(own.file("index"))
                crlnumber = \(own.file("number"))
                default_md = sha256

                """
            ),
        ] {
            try FileSystem.write(
                Array(text.utf8).span, atomicallyTo: own.file(name), mode: 0o600)
        }
        try TestCertificates.openSSL([
            "ca", "-config", own.file("ca.cnf"), "-gencrl", "-crlsec", "\(seconds)",
            "-cert", directory.file("ca.pem"), "-keyfile", directory.file("ca-key.pem"),
            "-out", own.file("crl.pem"),
        ])
        let bytes = try FileSystem.read(own.file("crl.pem"), maximumBytes: 1 << 20)
        let found = try CertificateRevocationList(
            pem: String(decoding: bytes, as: UTF8.self), of: certificate.authority,
            at: TimeSource.system.wall.milliseconds / 1_000)
        return RevocationList(
            number: found.number.flatMap { AuthorityNumber($0) },
            thisUpdate: Timestamp(milliseconds: found.thisUpdateSeconds * 1_000),
            nextUpdate: found.nextUpdateSeconds.map { Timestamp(milliseconds: $0 * 1_000) },
            serials: found.serialNumbers.compactMap { AuthorityNumber($0) })
    }

    /// A client that shows a certificate for that common name, signed by the authority, with that serial number, and those
    /// alternative names as openssl(1) has them: `DNS:a,URI:b`.
    public func client(
        _ commonName: String, alternatives: String? = nil, serial: UInt8? = nil,
        version: TLSVersion = .v1_3,
        trusting serverAuthority: String = TestCertificates.shared.authorityFile
    ) throws -> TLSContext {
        let own = TemporaryDirectory()
        try TestCertificates.openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=\(commonName)"] + TestCertificates.key + [
                "-CA", directory.file("ca.pem"), "-CAkey", directory.file("ca-key.pem"),
                "-keyout", own.file("key.pem"), "-out", own.file("cert.pem"),
                "-addext", "basicConstraints=critical,CA:FALSE",
            ] + (alternatives.map { ["-addext", "subjectAltName=\($0)"] } ?? [])
                + (serial.map { ["-set_serial", "\($0)"] } ?? []))
        return try TLSContext(
            connecting: TLSClientConfiguration(
                authorityFile: serverAuthority,
                certificateChainFile: own.file("cert.pem"), privateKeyFile: own.file("key.pem"),
                minimumVersion: version, maximumVersion: version))
    }
}
