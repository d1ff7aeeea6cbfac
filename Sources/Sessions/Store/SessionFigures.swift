/// How much the store has of sessions; figures that LMDB keeps.
public struct SessionFigures: Hashable, Sendable {
    /// Sessions that are connected, or wait for their client.
    public let sessions: Int

    /// Messages in all their queues, those of sessions that are being deleted among them.
    public let queuedMessages: Int

    /// QoS 2 messages that were taken and await their PUBREL.
    public let receivedIdentifiers: Int

    /// Sessions that are over, and of which something is left to be deleted.
    public let removals: Int
}
