/// One step of a stored session, as its owner writes it.
///
/// The changes of one session are submitted in their order, by one thread.
public enum SessionChange: Equatable, Sendable {
    /// The session is as the record says. In place of one with another number, that one and all it has
    /// are discarded.
    case put(SessionName, SessionRecord)

    /// The session of that number is over, with its queue and its received identifiers; nothing when the
    /// name has another one.
    case remove(SessionName, SessionNumber)

    /// A message is in the queue.
    case append(SessionNumber, sequence: UInt64, QueuedMessage)

    /// A QoS 2 message's PUBREC has come: from here on it is only its PUBREL that is sent.
    case release(SessionNumber, sequence: UInt64)

    /// A message has left the queue: acknowledged, completed, expired, or for another member of its group.
    case delete(SessionNumber, sequence: UInt64)

    /// All messages below this sequence have been sent, and counted against the client's allowance:
    /// loaded again, they are sent with DUP, and not counted. Grows only.
    case sent(SessionNumber, below: UInt64)

    /// A QoS 2 message was taken from the client: its packet identifier is in use until `complete`.
    case receive(SessionNumber, packetID: UInt16)

    /// Its PUBREL has come.
    case complete(SessionNumber, packetID: UInt16)
}

extension SessionChange {
    /// Whether records of an ended session may be left after it.
    var mayEndSession: Bool {
        switch self {
        case .put, .remove: true
        case .append, .release, .delete, .sent, .receive, .complete: false
        }
    }
}
