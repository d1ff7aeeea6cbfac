internal import COpenSSL

/// How the connections of a context get what their records need once OpenSSL has shaken hands. What works depends on
/// the OpenSSL that is loaded, so it is tried: `proven`.
public enum SecretSource: Sendable, Equatable, CaseIterable {
    /// Not at all: sessions stay with OpenSSL.
    case none

    /// The traffic secrets of TLS 1.3 from OpenSSL's key log, SSL_CTX_set_keylog_callback(3). It writes five lines a
    /// handshake, with one sprintf a byte. TLS 1.2 can be asked for its master secret.
    case keyLog

    /// The same secrets from a provider of ours that derives them, which is cheaper than OpenSSL's own way.
    case provider

    /// The best one that handshakes in memory prove to work with this configuration: one for each of its cipher suites
    /// of TLS 1.3, and one in TLS 1.2, as far as there is a client for them. To be called at the start, and for a
    /// changed configuration.
    ///
    /// - Parameter versions: what `servedVersions` has found.
    public static func proven(
        serving configuration: TLSServerConfiguration,
        in versions: [TLSVersion]
    ) -> SecretSource {
        let sources = [SecretSource.provider, .keyLog]
        return sources.first { $0.isProven(serving: configuration, in: versions) } ?? .none
    }

    private func isProven(
        serving configuration: TLSServerConfiguration,
        in versions: [TLSVersion]
    ) -> Bool {
        do throws(TLSError) {
            for version in versions {
                var attempt = configuration.only(version)
                guard version == .v1_3 else {
                    guard try carriesData(serving: attempt) else { return false }
                    continue
                }
                for suite in configuration.algorithms.cipherSuites {
                    attempt.algorithms.cipherSuites = [suite]
                    guard try carriesData(serving: attempt) else { return false }
                }
            }
            return true
        } catch {
            return false
        }
    }

    private func carriesData(serving configuration: TLSServerConfiguration) throws(TLSError) -> Bool
    {
        var rehearsal = try HandshakeRehearsal(serving: configuration, secrets: self)
        return try rehearsal.carriesData()
    }

    /// For SSL_CTX_new_ex(3).
    var properties: String? {
        switch self {
        case .none, .keyLog: nil
        case .provider: DerivationProvider.isLoaded ? DerivationProvider.properties : nil
        }
    }

    func install(in context: OpaquePointer) {
        switch self {
        case .none, .provider: break
        // Safe: the context is being made, so no other thread has it.
        case .keyLog: unsafe TrafficSecrets.logKeys(of: context)
        }
    }
}
