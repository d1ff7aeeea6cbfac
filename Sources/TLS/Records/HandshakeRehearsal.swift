internal import Bytes

/// A handshake in memory, with a client that takes whatever a configuration offers: what works is tried, not concluded.
struct HandshakeRehearsal: ~Copyable {
    private var server: TLSConnection
    private var client: TLSSession
    private var port = TLSPort()

    /// Whether they found something in common.
    private(set) var isComplete = false

    /// Throws what is wrong with the configuration itself.
    init(
        serving configuration: TLSServerConfiguration,
        secrets: SecretSource
    ) throws(TLSError) {
        var configuration = configuration
        configuration.clientVerification = .none
        let context = try TLSContext(
            serving: configuration, tickets: TicketKeys(), secrets: secrets)
        let clientContext = try TLSContext(connecting: TLSClientConfiguration())
        // That context is not shared yet. A client of this module offers less than a server may.
        try clientContext.setAlgorithms(configuration.algorithms)
        let server = try TLSConnection(accepting: context)
        let client = try TLSSession(connecting: clientContext)
        self.server = server
        self.client = client
        isComplete = shakesHands()
    }

    private mutating func shakesHands() -> Bool {
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        var heard = ByteBuffer()
        do throws(TLSError) {
            repeat {
                toServer.removeAll()
                _ = try client.receive(
                    toClient.span, through: &port, into: &heard, output: &toServer)
                toClient.removeAll()
                _ = try server.receive(
                    toServer.span, through: &port, into: &heard, output: &toClient)
            } while !toClient.isEmpty
        } catch {
            return false
        }
        return client.isEstablished
    }

    /// Whether both sides understand each other after it. In TLS 1.3 our records have to have taken over; in TLS 1.2
    /// there are ciphers that they don't know.
    mutating func carriesData() throws(TLSError) -> Bool {
        guard isComplete, server.isHandedOver || server.version == .v1_2 else { return false }
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        var heard = ByteBuffer()
        for text in ["first", "second"] {
            try client.send(text.utf8Span.span, through: &port, output: &toServer)
            try server.send(text.utf8Span.span, through: &port, output: &toClient)
        }
        _ = try server.receive(toServer.span, through: &port, into: &heard, output: &toClient)
        _ = try client.receive(toClient.span, through: &port, into: &heard, output: &toServer)
        server.forget(in: &port)
        return heard.span.isEqual(to: "firstsecondfirstsecond".utf8Span.span)
    }
}

extension TLSServerConfiguration {
    /// The same for one version.
    func only(_ version: TLSVersion) -> TLSServerConfiguration {
        var one = self
        one.minimumVersion = version
        one.maximumVersion = version
        return one
    }

    /// The versions in which somebody can shake hands, of those that are offered: in which a cipher suite fits a
    /// certificate's key.
    ///
    /// Throws as `TLSContext` does, and `.noUsableCipherSuite` when there is none.
    public func servedVersions() throws(TLSError) -> [TLSVersion] {
        var served: [TLSVersion] = []
        for version in offeredVersions {
            let rehearsal = try HandshakeRehearsal(serving: only(version), secrets: .none)
            if rehearsal.isComplete { served.append(version) }
        }
        guard !served.isEmpty else {
            throw TLSError(
                reason: .noUsableCipherSuite,
                attempt: "Offering TLS with cipher suites that don't fit the certificate's key")
        }
        return served
    }

    /// From the oldest to the newest.
    public var offeredVersions: [TLSVersion] {
        TLSVersion.allCases.filter {
            $0.wireValue >= minimumVersion.wireValue && $0.wireValue <= maximumVersion.wireValue
        }
    }
}
