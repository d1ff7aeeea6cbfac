import Bytes
import TLS

/// A client's side of a connection without the socket: MQTT bytes on one side, what goes over the
/// network on the other, with or without TLS between them.
struct Wire: ~Copyable {
    private var session: TLSSession?
    private var port = TLSPort()
    private var plaintext = ByteBuffer()
    private var output = ByteBuffer()

    /// Plain, when there is no context.
    init(_ context: TLSContext?, serverName: String) throws(TLSError) {
        if let context {
            session = try TLSSession(connecting: context, serverName: serverName)
            try receive([])
        } else {
            session = nil
        }
    }

    /// Whether MQTT can be spoken.
    var isOpen: Bool {
        switch session {
        case .some(let session): session.isEstablished
        case .none: true
        }
    }

    /// Bytes from the network.
    mutating func receive(_ bytes: [UInt8]) throws(TLSError) {
        let state = try session?.receive(
            bytes.span, through: &port, into: &plaintext, output: &output)
        if state == nil { plaintext.append(bytes.span) }
    }

    /// Bytes for the server.
    mutating func send(_ bytes: Span<UInt8>) throws(TLSError) {
        let sent: Void? = try session?.send(bytes, through: &port, output: &output)
        if sent == nil { output.append(bytes) }
    }

    /// What is to be written to the network.
    mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll() }
        return output.span.bytesArray
    }

    /// What came from the server, in the clear.
    var received: Span<UInt8> {
        @_lifetime(borrow self)
        get { plaintext.span }
    }

    mutating func dropReceived(_ count: Int) { plaintext.removeFirst(count) }
}
