import MQTT
import Reactor

/// What became of a message to a device, for its sender (rule C10).
public enum DownlinkOutcome: CaseIterable, Equatable, Sendable {
    /// On its way over the device's connection, and counted.
    case delivered

    /// In line behind messages that the device has to acknowledge first.
    case queued

    /// The device is not connected; nothing is kept for it.
    case notConnected

    /// The device is connected, and has subscribed to no filter that matches the topic.
    case noSubscription

    /// The message's units would cross the device's allowance (rule C3).
    case quotaExceeded

    /// Larger than the device takes.
    case tooLarge

    /// The device reads too slowly: what may wait for it is full.
    case queueFull

    /// It waited for longer than it lasts ([MQTT-3.3.2-5]).
    case expired

    /// The session that keeps messages for the device could not be written.
    case notStored

    /// Its name in the API: of a message that arrived, and of the problem when it did not.
    public var name: String { refusal?.name ?? (self == .queued ? "queued" : "delivered") }

    /// One clause for people; the Reason String of MQTT 5.
    public var text: String {
        refusal?.text
            ?? (self == .queued ? "waiting for the device's acknowledgements" : "delivered")
    }

    /// What a PUBACK or PUBREC of MQTT 5 says. A message that is too large for its receiver is
    /// discarded as if it had been sent ([MQTT-3.1.2-25]), and so is one that has expired.
    var reasonCode: ReasonCode {
        switch self {
        case .delivered, .queued, .tooLarge, .expired: .success
        case .notConnected, .noSubscription: .noMatchingSubscribers
        case .quotaExceeded, .queueFull: .quotaExceeded
        case .notStored: .implementationSpecificError
        }
    }
}

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

    /// A child's session, whose message with that packet identifier is not acknowledged yet: the link to its connection is
    /// on the same shard.
    case child(Token, packetID: UInt16)

    /// The control side. Called once, on a shard's thread.
    case question(@Sendable (DownlinkOutcome) -> Void)

    /// Another node, whose request has that number among those served (`Peers`).
    case node(UInt32)
}
