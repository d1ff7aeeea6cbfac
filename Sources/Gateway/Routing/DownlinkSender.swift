import Reactor

/// Who wants to know what became of a message to a device.
enum DownlinkSender: Sendable {
    /// QoS 0, a will, or MQTT 3.1.1, which could not be told.
    case nobody

    /// A client whose PUBLISH with that packet identifier is not acknowledged yet.
    case client(shard: Int, Token, packetID: UInt16)

    /// The same client, where it is not the message's outcome that it waits for, but that the message is on
    /// disk.
    case confirmation(shard: Int, Token, packetID: UInt16)

    /// The same client, of a stored session, at QoS 2: the message's writes on all shards go into one commit,
    /// with its packet identifier, on that client's shard.
    case gathering(shard: Int, Token, packetID: UInt16)

    /// The same for a message to a device, whose outcome is told, too.
    case gatheringOutcome(shard: Int, Token, packetID: UInt16)

    /// The control side. Called once, on a shard's thread.
    case question(@Sendable (DownlinkOutcome) -> Void)
}
