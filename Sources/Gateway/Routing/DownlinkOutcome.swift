import MQTT

/// What became of a message to a device, for whoever sent it (rule C10).
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
