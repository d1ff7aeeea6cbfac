import Glibc
public import TestFiles
public import TLS

/// A certificate authority and a server's certificate, for `localhost` and `127.0.0.1` unless told otherwise, made with
/// the `openssl` command line.
public final class TestCertificates: Sendable {
    private let directory = TemporaryDirectory()

    /// What clients verify the server with.
    public let clientContext: TLSContext

    /// Made once for the whole run, and removed at its end.
    public static let shared: TestCertificates = {
        do {
            let made = try TestCertificates()
            atexit { TemporaryDirectory.remove(TestCertificates.shared.directory.path) }
            return made
        } catch {
            preconditionFailure("no certificates for the tests: \(error)")
        }
    }()

    /// - Parameter addresses: of the server, as text: what its certificate is for besides `localhost`.
    public init(addresses: [String] = ["127.0.0.1"]) throws {
        let directory = directory
        try Self.openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=Tollgate Test Authority"] + Self.key + [
                "-keyout", directory.file("ca-key.pem"), "-out", directory.file("ca.pem"),
                "-addext", "keyUsage=critical,keyCertSign",
            ]
        )
        try Self.certifyServer(
            Self.key, for: addresses, by: directory, certificate: directory.file("cert.pem"),
            key: directory.file("key.pem"))
        clientContext = try TLSContext(
            connecting: TLSClientConfiguration(authorityFile: directory.file("ca.pem"))
        )
    }

    /// Another certificate for the server, with an RSA key: the files of both.
    public func makeRSA(in other: TemporaryDirectory) throws -> (certificate: String, key: String) {
        let made = (certificate: other.file("rsa.pem"), key: other.file("rsa-key.pem"))
        try Self.certifyServer(
            ["-newkey", "rsa:2048", "-nodes"], by: directory, certificate: made.certificate,
            key: made.key)
        return made
    }

    private static func certifyServer(
        _ kind: [String],
        for addresses: [String] = ["127.0.0.1"],
        by authority: TemporaryDirectory,
        certificate: String,
        key: String
    ) throws {
        try openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=localhost"] + kind + [
                "-CA", authority.file("ca.pem"), "-CAkey", authority.file("ca-key.pem"),
                "-keyout", key, "-out", certificate,
                "-addext", "subjectAltName=DNS:localhost" + addresses.map { ",IP:\($0)" }.joined(),
                "-addext", "basicConstraints=critical,CA:FALSE",
            ]
        )
    }

    /// A context for a client that shows a certificate of its own, signed by the authority: for the
    /// subject's common name, and the alternative name (`URI:urn:...`) if one is given.
    public func clientContext(
        commonName: String,
        alternativeName: String? = nil
    ) throws -> TLSContext {
        let directory = TemporaryDirectory()
        try certifyClient(commonName: commonName, alternativeName: alternativeName, in: directory)
        return try TLSContext(
            connecting: TLSClientConfiguration(
                authorityFile: authorityFile,
                certificateChainFile: directory.file("cert.pem"),
                privateKeyFile: directory.file("key.pem")
            )
        )
    }

    /// The same certificate and its key, as `cert.pem` and `key.pem` in `directory`.
    public func certifyClient(
        commonName: String,
        alternativeName: String? = nil,
        in directory: TemporaryDirectory
    ) throws {
        try Self.openSSL(
            ["req", "-x509", "-days", "3", "-subj", "/CN=\(commonName)"] + Self.key + [
                "-CA", authorityFile, "-CAkey", self.directory.file("ca-key.pem"),
                "-keyout", directory.file("key.pem"), "-out", directory.file("cert.pem"),
                "-addext", "basicConstraints=critical,CA:FALSE",
            ] + (alternativeName.map { ["-addext", "subjectAltName=\($0)"] } ?? [])
        )
    }

    /// PEM file of the authority, for `--cafile`.
    public var authorityFile: String { directory.file("ca.pem") }

    /// PEM file of the server's certificate.
    public var certificateFile: String { directory.file("cert.pem") }

    /// PEM file of the server's private key.
    public var keyFile: String { directory.file("key.pem") }

    static let key = [
        "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
    ]

    static func openSSL(_ arguments: [String]) throws {
        let ending = try ChildProcess.run("openssl", arguments)
        guard ending.status == 0 else { throw TLSErrorOfTool(text: ending.errors) }
    }

    /// What the `openssl` command wrote when it failed.
    private struct TLSErrorOfTool: Error { let text: String }
}
