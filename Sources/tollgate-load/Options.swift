import ArgumentParser
import Linux
import Load
import MQTT
import TLS

/// Which server, and how it is reached.
struct ServerOptions: ParsableArguments {
    @Option(help: "mqtt://HOST[:PORT], mqtts://, ws://HOST[:PORT][/PATH] or wss://.")
    var url = "mqtt://localhost:1883"
    @Option(
        name: .customLong("mqtt"),
        help: ArgumentHelp("The version of MQTT.", valueName: "3.1.1|5"))
    var version = "5"
    @Option(
        help: "PEM file of the authorities of the server's certificate; any is taken without.")
    var ca: String?
    @Option(
        help: """
            PEM file of a certificate that the clients show; each its own with %d for its number, or %P and %D for a \
            device's keys.
            """)
    var certificate: String?
    @Option(help: "PEM file of its private key, with the same. Default: it is in --certificate.")
    var key: String?
    @Flag(help: "Take up earlier TLS sessions when a client comes back.") var resume = false
    @Flag(name: .customLong("tls1.2"), help: "No newer TLS than 1.2.") var isOldTLS = false
    @Option(help: "Connect from so many addresses, 127.0.0.2 and on: 28,000 connections each.")
    var sourceAddresses = 0
    @Option(help: "The clients' keep alive, in seconds; 0: none.")
    var keepAlive: UInt16 = 300
    @Option(help: "Seconds until an answer is late.") var timeout = 30.0

    /// - Parameter isFleet: whether clients are devices, which have a PK and a DK.
    func transport(_ url: ServerURL, isFleet: Bool) throws(Failure) -> Transport {
        guard url.isEncrypted else {
            if ca != nil || certificate != nil || key != nil || resume || isOldTLS {
                throw Failure(
                    text:
                        "--ca, --certificate, --key, --resume and --tls1.2 need TLS: name mqtts:// or wss://",
                    code: 2)
            }
            return Transport()
        }
        guard key == nil || certificate != nil else {
            throw Failure(text: "--key is the key of a --certificate: name that, too", code: 2)
        }
        let isName = IPAddress(url.host) == nil
        var transport = Transport(
            tls: TLSClientConfiguration(
                authorityFile: ca, maximumVersion: isOldTLS ? .v1_2 : .v1_3),
            serverName: isName || ca != nil ? url.host : nil)
        transport.isResuming = resume
        guard let certificate else { return transport }
        let chain = try IdentityOptions.template(
            "--certificate", certificate, needsClients: !isFleet)
        let keys = try key.map { text throws(Failure) in
            try IdentityOptions.template("--key", text, needsClients: !isFleet)
        }
        if let chainFile = chain.constant, let keyFile = (keys ?? chain).constant {
            transport.tls?.certificateChainFile = chainFile
            transport.tls?.privateKeyFile = keyFile
        } else {
            transport.certificates = CertificateTemplates(certificate: chain, key: keys ?? chain)
        }
        return transport
    }

    func protocolVersion() throws(Failure) -> ProtocolVersion {
        switch version {
        case "5", "5.0": return .v5
        case "3.1.1", "4": return .v3_1_1
        default: throw Failure(text: "--mqtt must be 3.1.1 or 5, not '\(version)'", code: 2)
        }
    }
}

extension TLSError {
    /// What is wrong with a file, in our words.
    var words: String {
        guard let file else { return description }
        switch reason {
        case .unreadableFile: return "\(file) can't be read: is it there, and yours to read?"
        case .malformedFile: return "\(file) is no PEM file of what it should have: \(attempt)"
        case .wrongPassword: return "\(file) is a key that is encrypted: decrypt it for the test"
        case .keyMismatch: return "\(file) is not the key of its certificate"
        case .refusedSetting, .noUsableCipherSuite, .peerAlert, .refusedCertificate,
            .unprovenKeys, .protocolViolation, .ended, .library:
            return description
        }
    }
}
