import MQTT

/// What has become of a client's PUBLISH, for its acknowledgement.
enum PublishVerdict: Equatable {
    case taken

    /// Taken, and nobody has subscribed to its topic.
    case unheard
    case refused(Reason)

    /// A message to a device.
    case downlink(DownlinkFate)

    /// A message to a device, whose fate is still to come. `isHeard`: an application has got it,
    /// whatever becomes of it at the device.
    case undecided(isHeard: Bool)

    /// A message that an application has got did find a subscriber, whether or not it found the
    /// device.
    init(_ fate: DownlinkFate, isHeard: Bool) {
        self =
            isHeard && fate.reasonCode == .noMatchingSubscribers ? .taken : .downlink(fate)
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
        case .unheard: .noMatchingSubscribers
        case .refused(let reason): reason.reasonCode
        case .downlink(let fate): fate.reasonCode
        }
    }

    /// Why the code is not plain success; `nil` when it is.
    var text: String? {
        switch self {
        case .taken, .undecided, .held: nil
        case .unheard: "nobody has subscribed to the topic"
        case .refused(let reason): reason.text
        case .downlink(let fate): fate.reasonCode == .success ? nil : fate.text
        }
    }
}
