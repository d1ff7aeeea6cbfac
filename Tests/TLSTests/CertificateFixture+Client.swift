import TLS

extension CertificateFixture {
    /// Makes `client.pem` and `client-key.pem`: a device's certificate, signed by the authority
    /// unless told otherwise.
    func writeClient(name: String, alternativeNames: String? = nil, signer: CertifiedKey? = nil) {
        CertifiedKey(
            commonName: name,
            alternativeNames: alternativeNames,
            signer: signer ?? authority
        ).write(certificate: path("client.pem"), key: path("client-key.pem"))
    }

    /// A client that shows that certificate.
    var connectingWithCertificate: TLSClientConfiguration {
        TLSClientConfiguration(
            certificateChainFile: path("client.pem"),
            privateKeyFile: path("client-key.pem")
        )
    }
}
