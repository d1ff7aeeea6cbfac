import Bytes
import Testing

@testable import TLS

/// A client of OpenSSL's and a server whose records are ours, in memory.
struct RecordLink: ~Copyable {
    var client: TLSSession
    var server: TLSConnection
    var clientPort = TLSPort()
    var serverPort = TLSPort()
    var toServer = ByteBuffer()
    var toClient = ByteBuffer()
    var clientReceived = ByteBuffer()
    var serverReceived = ByteBuffer()
    var clientState = TLSSessionState.handshaking
    var serverState = TLSSessionState.handshaking

    /// At most how many bytes the server is given at once.
    var pieceLength = Int.max

    init(
        client clientContext: TLSContext,
        server serverContext: TLSContext,
        resuming resumption: TLSResumption? = nil
    ) throws(TLSError) {
        let client = try TLSSession(connecting: clientContext, resuming: resumption)
        let server = try TLSConnection(accepting: serverContext)
        self.client = client
        self.server = server
    }

    mutating func turnClient() throws(TLSError) {
        var input = ByteBuffer()
        swap(&input, &toClient)
        clientState = try client.receive(
            input.span, through: &clientPort, into: &clientReceived, output: &toServer)
    }

    mutating func turnServer() throws(TLSError) {
        var input = ByteBuffer()
        swap(&input, &toServer)
        repeat {
            let piece = min(input.count, pieceLength)
            serverState = try server.receive(
                input.span.extracting(0..<piece), through: &serverPort, into: &serverReceived,
                output: &toClient)
            input.removeFirst(piece)
        } while !input.isEmpty
    }

    /// Lets them talk until neither has anything more to say.
    mutating func run() throws(TLSError) {
        repeat {
            try turnClient()
            try turnServer()
        } while !toClient.isEmpty || !toServer.isEmpty
    }

    mutating func sendToServer(_ text: String) throws(TLSError) {
        try client.send(text.utf8Span.span, through: &clientPort, output: &toServer)
    }

    mutating func sendToClient(_ text: String) throws(TLSError) {
        try server.send(text.utf8Span.span, through: &serverPort, output: &toClient)
    }

    /// The server's connection alone; everything else goes away.
    consuming func takeServer() -> TLSConnection { server }

    mutating func takeFromServer() -> String {
        defer { serverReceived.removeAll() }
        return String(copying: serverReceived.span)
    }

    mutating func takeFromClient() -> String {
        defer { clientReceived.removeAll() }
        return String(copying: clientReceived.span)
    }

    /// A client with the server's keys, which seals what no honest one would.
    func forger() throws -> RecordState {
        let taken = server.records
        let records = try #require(taken)
        return RecordState(
            suite: records.suite, incoming: records.outgoing, outgoing: records.incoming)
    }
}

/// A context for every suite that our records know, in its version.
struct RecordSetting: Sendable, CustomStringConvertible {
    /// OpenSSL's name.
    let cipher: String
    let version: TLSVersion
    let suite: RecordSuite

    var description: String { suite.name }

    /// Those that the fixture's P-256 certificate can have.
    static let all = [
        RecordSetting(cipher: "TLS_AES_128_GCM_SHA256", version: .v1_3, suite: .aes128GCM),
        RecordSetting(cipher: "TLS_AES_256_GCM_SHA384", version: .v1_3, suite: .aes256GCM),
        RecordSetting(
            cipher: "TLS_CHACHA20_POLY1305_SHA256", version: .v1_3, suite: .chaCha20Poly1305),
        RecordSetting(
            cipher: "ECDHE-ECDSA-AES128-GCM-SHA256", version: .v1_2, suite: .ecdheECDSAAES128GCM),
        RecordSetting(
            cipher: "ECDHE-ECDSA-AES256-GCM-SHA384", version: .v1_2, suite: .ecdheECDSAAES256GCM),
        RecordSetting(
            cipher: "ECDHE-ECDSA-CHACHA20-POLY1305", version: .v1_2,
            suite: .ecdheECDSAChaCha20Poly1305),
    ]

    func server(
        _ fixture: CertificateFixture,
        secrets: SecretSource = .keyLog
    ) throws -> TLSContext {
        var serving = fixture.serving
        serving.minimumVersion = version
        serving.maximumVersion = version
        switch version {
        case .v1_3: serving.algorithms.cipherSuites = [cipher]
        case .v1_2: serving.algorithms.ciphers = [cipher]
        }
        return try TLSContext(serving: serving, tickets: TicketKeys(), secrets: secrets)
    }
}
