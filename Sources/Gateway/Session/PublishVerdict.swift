import MQTT

/// What has become of a client's PUBLISH, for its acknowledgement.
enum PublishVerdict: Equatable {
    case taken

    /// Taken, and nobody has subscribed to its topic.
    case noSubscribers
    case refused(Reason)

    /// A message to a device.
    case downlink(DownlinkOutcome)

    /// A message to a device, whose outcome is still to come. `hasSubscribers`: an application has got it,
    /// whatever becomes of it at the device.
    case undecided(hasSubscribers: Bool)

    /// A message that an application has got did find a subscriber, whether or not it found the
    /// device.
    init(_ outcome: DownlinkOutcome, hasSubscribers: Bool) {
        self =
            hasSubscribers && outcome.reasonCode == .noMatchingSubscribers
            ? .taken : .downlink(outcome)
    }

    var isDecided: Bool {
        if case .undecided = self { false } else { true }
    }

    /// Units are asked for: the packet is served again when the ledger has answered (rule C6).
    case held

    /// What a PUBACK or PUBREC of MQTT 5 says.
    var reasonCode: ReasonCode {
        switch self {
        case .taken, .undecided, .held: .success
        case .noSubscribers: .noMatchingSubscribers
        case .refused(let reason): reason.reasonCode
        case .downlink(let outcome): outcome.reasonCode
        }
    }

    /// Why the code is not plain success; `nil` when it is.
    var text: String? {
        switch self {
        case .taken, .undecided, .held: nil
        case .noSubscribers: "nobody has subscribed to the topic"
        case .refused(let reason): reason.text
        case .downlink(let outcome): outcome.reasonCode == .success ? nil : outcome.text
        }
    }
}
