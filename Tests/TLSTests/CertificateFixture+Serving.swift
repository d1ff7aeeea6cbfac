import TLS

extension CertificateFixture {
    /// A listener with the fixture's server certificate.
    var serving: TLSServerConfiguration {
        TLSServerConfiguration(
            certificateChainFile: path("cert.pem"),
            privateKeyFile: path("key.pem"),
            applicationProtocols: ["mqtt", "x-amzn-mqtt-ca"]
        )
    }
}
