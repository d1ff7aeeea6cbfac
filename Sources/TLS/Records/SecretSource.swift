internal import Bytes
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
    /// of TLS 1.3, and one in TLS 1.2. To be called at the start, and for a changed configuration.
    public static func proven(serving configuration: TLSServerConfiguration) -> SecretSource {
        for source in [SecretSource.provider, .keyLog] where source.isProven(serving: configuration)
        {
            return source
        }
        return .none
    }

    private func isProven(serving configuration: TLSServerConfiguration) -> Bool {
        var attempt = configuration
        attempt.clientVerification = .none
        do throws(TLSError) {
            if configuration.maximumVersion == .v1_3 {
                attempt.minimumVersion = .v1_3
                for suite in configuration.algorithms.cipherSuites {
                    attempt.algorithms.cipherSuites = [suite]
                    guard try carriesData(serving: attempt) else { return false }
                }
            }
            if configuration.minimumVersion == .v1_2, !configuration.algorithms.ciphers.isEmpty {
                attempt.minimumVersion = .v1_2
                attempt.maximumVersion = .v1_2
                return try carriesData(serving: attempt)
            }
            return true
        } catch {
            return false
        }
    }

    /// Whether both sides understand each other after a handshake. In TLS 1.3 our records have to have taken over; in
    /// TLS 1.2 there are ciphers that they don't know.
    private func carriesData(serving configuration: TLSServerConfiguration) throws(TLSError) -> Bool
    {
        let context = try TLSContext(serving: configuration, tickets: TicketKeys(), secrets: self)
        let clientContext = try TLSContext(connecting: TLSClientConfiguration())
        if configuration.maximumVersion == .v1_2 {
            // Safe: nobody else has the context yet. The client of this module offers less than a server may.
            let ciphers = configuration.algorithms.ciphers.joined(separator: ":")
            _ = unsafe SSL_CTX_set_cipher_list(clientContext.handle, ciphers)
        }
        var server = try TLSConnection(accepting: context)
        var client = try TLSSession(connecting: clientContext)
        var port = TLSPort()
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        var heard = ByteBuffer()
        repeat {
            toServer.removeAll()
            _ = try client.receive(toClient.span, through: &port, into: &heard, output: &toServer)
            toClient.removeAll()
            _ = try server.receive(toServer.span, through: &port, into: &heard, output: &toClient)
        } while !toClient.isEmpty
        guard client.isEstablished, server.isHandedOver || server.version == .v1_2 else {
            return false
        }
        toServer.removeAll()
        for text in ["first", "second"] {
            try client.send(text.utf8Span.span, through: &port, output: &toServer)
            try server.send(text.utf8Span.span, through: &port, output: &toClient)
        }
        _ = try server.receive(toServer.span, through: &port, into: &heard, output: &toClient)
        _ = try client.receive(toClient.span, through: &port, into: &heard, output: &toServer)
        server.forget(in: &port)
        return heard.span.isEqual(to: "firstsecondfirstsecond".utf8Span.span)
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
