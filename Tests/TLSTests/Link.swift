import Bytes
import TLS

/// A client and a server in memory, with what is on its way between them.
struct Link: ~Copyable {
    var client: TLSSession
    var server: TLSSession
    var clientPort = TLSPort()
    var serverPort = TLSPort()
    var toServer = ByteBuffer()
    var toClient = ByteBuffer()
    var clientReceived = ByteBuffer()
    var serverReceived = ByteBuffer()
    var clientState = TLSSessionState.handshaking
    var serverState = TLSSessionState.handshaking

    init(
        client clientContext: TLSContext,
        server serverContext: TLSContext,
        serverName: String? = nil,
        resuming resumption: TLSResumption? = nil,
        showing credentials: TLSCredentials? = nil
    ) throws(TLSError) {
        let client = try TLSSession(
            connecting: clientContext,
            serverName: serverName,
            resuming: resumption,
            showing: credentials
        )
        let server = try TLSSession(accepting: serverContext)
        self.client = client
        self.server = server
    }

    /// Gives the client what is on its way to it, even if that is nothing.
    mutating func turnClient() throws(TLSError) {
        var input = ByteBuffer()
        swap(&input, &toClient)
        clientState = try client.receive(
            input.span,
            through: &clientPort,
            into: &clientReceived,
            output: &toServer
        )
    }

    mutating func turnServer() throws(TLSError) {
        var input = ByteBuffer()
        swap(&input, &toServer)
        serverState = try server.receive(
            input.span,
            through: &serverPort,
            into: &serverReceived,
            output: &toClient
        )
    }

    /// Lets them talk until nobody has anything more to say.
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

    /// The server's session alone; everything else goes away.
    consuming func takeServer() -> TLSSession {
        server
    }

    /// What the server has received since it was last asked.
    mutating func takeFromServer() -> String {
        defer { serverReceived.removeAll() }
        return String(copying: serverReceived.span)
    }

    mutating func takeFromClient() -> String {
        defer { clientReceived.removeAll() }
        return String(copying: clientReceived.span)
    }
}

extension String {
    /// The bytes as UTF-8, repaired where they are not.
    init(copying bytes: Span<UInt8>) {
        self.init(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self)
    }
}
