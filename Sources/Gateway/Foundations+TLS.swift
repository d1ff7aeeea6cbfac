import TLS

/// What TLS listeners answer with.
extension Foundations {
    /// What TLS listeners answer with, a context for each shard, built from the files as they are now.
    static func contexts(
        _ configuration: GatewayConfiguration,
        _ tickets: TicketKeys,
        count: Int,
        _ log: GatewayLog?
    ) throws(GatewayError) -> [TLSContext] {
        let settings = configuration.tls
        let serving = TLSServerConfiguration(
            certificateChainFile: settings.certificate,
            privateKeyFile: settings.key,
            alternative: alternative(settings),
            clientVerification: settings.clientCA.map { .optional(authorityFile: $0) } ?? .none,
            minimumVersion: TLSVersion(settings.minimumVersion),
            maximumVersion: TLSVersion(settings.maximumVersion),
            algorithms: TLSAlgorithms(settings)
        )
        let secrets: SecretSource
        var contexts: [TLSContext] = []
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
                    try TLSContext(serving: serving, tickets: tickets, secrets: secrets))
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

    private static func alternative(
        _ settings: GatewayConfiguration.TLS
    ) -> (certificateChainFile: String, privateKeyFile: String)? {
        guard let certificate = settings.alternativeCertificate, let key = settings.alternativeKey
        else { return nil }
        return (certificate, key)
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
            case .legacy: .legacy
            }
        if !settings.cipherSuites.isEmpty { cipherSuites = settings.cipherSuites }
        if !settings.ciphers.isEmpty { ciphers = settings.ciphers }
        if !settings.groups.isEmpty { groups = settings.groups }
    }
}
