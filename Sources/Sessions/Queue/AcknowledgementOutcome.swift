/// What a PUBACK, PUBREC or PUBCOMP of a client was about.
public enum AcknowledgementOutcome: Equatable, Sendable {
    /// The message of that sequence; it has gone one step further.
    case taken(sequence: UInt64)

    /// A message that the client has said so of before: its PUBREL is sent again.
    case repeated(sequence: UInt64)

    /// A message under way that is not acknowledged so: of the other QoS, or out of turn.
    case misplaced(sequence: UInt64)

    /// No message under way has that packet identifier.
    case unknown
}
