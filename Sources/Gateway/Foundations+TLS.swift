package import TLS

/// What one shard's TLS listeners answer with: the same, but for the protocols of ALPN (RFC 7301).
struct ListenerContexts: Sendable {
    let mqtt: TLSContext
    let webSocket: TLSContext

    /// What listeners of MQTT agree to: the name that IANA lists, and the one that AWS' clients offer on port 443.
    static let mqttProtocols = ["mqtt", "x-amzn-mqtt-ca"]

    /// A WebSocket is opened by HTTP/1.1, which browsers offer.
    static let webSocketProtocols = ["http/1.1"]
}

/// What TLS listeners answer with.
extension Foundations {
    /// What TLS listeners answer with, for each shard, built from the files as they are now.
    static func contexts(
        _ configuration: GatewayConfiguration,
        _ tickets: TicketKeys,
        count: Int,
        _ log: GatewayLog?
    ) throws(GatewayError) -> [ListenerContexts] {
        let settings = configuration.tls
        var serving = TLSServerConfiguration(
            settings, applicationProtocols: ListenerContexts.mqttProtocols)
        serving.clientVerification =
            settings.clientCA.map { .optional(authorityFile: $0) } ?? .none
        serving.takesPreSharedKeys = settings.psk
        var opening = serving
        opening.applicationProtocols = ListenerContexts.webSocketProtocols
        let secrets: SecretSource
        var contexts: [ListenerContexts] = []
        do throws(TLSError) {
            let served = try serving.servedVersions()
            secrets = SecretSource.proven(serving: serving, in: served)
            for version in serving.offeredVersions where !served.contains(version) {
                log?.say(
                    .warning, "no cipher suite of a TLS version fits the certificate's key",
                    .init("version", version.rawValue))
            }
            for _ in 0..<count {
                contexts.append(
                    ListenerContexts(
                        mqtt: try TLSContext(serving: serving, tickets: tickets, secrets: secrets),
                        webSocket: try TLSContext(
                            serving: opening, tickets: tickets, secrets: secrets)))
            }
        } catch {
            throw error.reason == .noUsableCipherSuite
                ? .configuration(unservable(serving)) : .tls(error)
        }
        say(secrets, to: log)
        return contexts
    }

    /// By the setting that is to be changed: the suites of TLS 1.2 go by the kind of the certificate's key, those
    /// of 1.3 with any that it knows.
    private static func unservable(_ serving: TLSServerConfiguration) -> ConfigurationProblem {
        let versions = serving.offeredVersions
        return ConfigurationProblem(
            path: versions.contains(.v1_2) ? "tls.ciphers" : "tls.cipherSuites",
            reason: "no client can connect: in no version of TLS that is offered "
                + "(\(versions.map(\.rawValue).joined(separator: ", "))) does a cipher suite fit the key of "
                + serving.certificateChainFile)
    }

    /// What costs memory or time is worth a line.
    private static func say(_ secrets: SecretSource, to log: GatewayLog?) {
        switch secrets {
        case .provider: break
        case .keyLog:
            log?.say(.notice, "this OpenSSL takes no key derivation of ours: handshakes cost more")
        case .none:
            log?.say(
                .warning, "this OpenSSL shows no secrets: a TLS connection keeps 14 KB of its own")
        }
    }

}

extension TLSServerConfiguration {
    /// As the section `tls` says, without client certificates.
    package init(_ settings: GatewayConfiguration.TLS, applicationProtocols: [String]) {
        var alternative: (certificateChainFile: String, privateKeyFile: String)?
        if let certificate = settings.alternativeCertificate, let key = settings.alternativeKey {
            alternative = (certificate, key)
        }
        self.init(
            certificateChainFile: settings.certificate,
            privateKeyFile: settings.key,
            alternative: alternative,
            minimumVersion: TLSVersion(settings.minimumVersion),
            maximumVersion: TLSVersion(settings.maximumVersion),
            algorithms: TLSAlgorithms(settings),
            applicationProtocols: applicationProtocols
        )
    }
}

extension TLSVersion {
    init(_ version: GatewayConfiguration.TLS.Version) {
        self =
            switch version {
            case .v1_2: .v1_2
            case .v1_3: .v1_3
            }
    }
}

extension TLSAlgorithms {
    /// Those of the preset, but for what is named.
    init(_ settings: GatewayConfiguration.TLS) {
        self =
            switch settings.preset {
            case .standard: .standard
            case .legacy: settings.psk ? .legacyWithPreSharedKeys : .legacy
            }
        if !settings.cipherSuites.isEmpty { cipherSuites = settings.cipherSuites }
        if !settings.ciphers.isEmpty { ciphers = settings.ciphers }
        if !settings.groups.isEmpty { groups = settings.groups }
    }
}
