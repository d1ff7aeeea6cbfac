public import Linux
public import MQTT

/// Why something did not work, as it is counted.
public enum LoadFailure: Hashable, Sendable {
    /// The CONNACK said so.
    case refused(ReasonCode)

    /// The server sent a DISCONNECT.
    case disconnected(ReasonCode)

    /// A message was answered with a failure.
    case rejected(ReasonCode)

    /// The server closed or reset the connection.
    case closed(Stage)

    /// No TCP connection.
    case unreachable(Errno)
    case timedOut(Stage)

    /// OpenSSL's or the alert's text.
    case tls(String)

    /// The server's status line.
    case webSocketRefused(String)

    /// The server broke the protocol.
    case wrongAnswer(String)

    /// Messages that were due, and could not be sent before the end: the window was full, or the client gone.
    case unsent

    /// Messages that had no answer at the end.
    case unanswered

    /// What went wrong, for people.
    public var text: String {
        switch self {
        case .refused(let reason): "refused: \(reason) (\(reason.rawValue))"
        case .disconnected(let reason): "disconnected by the server: \(reason) (\(reason.rawValue))"
        case .rejected(let reason): "message rejected: \(reason) (\(reason.rawValue))"
        case .closed(let stage): "closed by the server while \(stage.text)"
        case .unreachable(let code): "no connection: \(code)"
        case .timedOut(let stage): "no answer in time while \(stage.text)"
        case .tls(let text): "TLS: \(text)"
        case .webSocketRefused(let text): "WebSocket refused: \(text)"
        case .wrongAnswer(let text): "wrong answer: \(text)"
        case .unsent: "due, but not sent before the end"
        case .unanswered: "no answer before the end"
        }
    }
}

/// How far a client has come.
public enum Stage: UInt8, Hashable, Sendable {
    /// Without a connection.
    case vacant
    /// TCP.
    case connecting
    /// TLS.
    case securing
    /// The WebSocket's handshake.
    case upgrading
    /// CONNECT has been sent.
    case greeting
    /// Let in.
    case up
    /// Waits to try again.
    case resting

    var text: String {
        switch self {
        case .vacant: "away"
        case .connecting: "connecting"
        case .securing: "shaking hands for TLS"
        case .upgrading: "asking for a WebSocket"
        case .greeting: "waiting for CONNACK"
        case .up: "connected"
        case .resting: "waiting to come back"
        }
    }
}
