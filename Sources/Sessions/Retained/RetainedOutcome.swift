/// What became of a message that was to be retained.
public enum RetainedOutcome: Sendable, Equatable {
    /// It is the first of its topic.
    case stored

    /// It has taken the place of the topic's earlier one ([MQTT-3.3.1-5]).
    case replaced

    /// The topic's message is gone, as this one has no payload ([MQTT-3.3.1-6]) or is over already.
    case deleted

    /// The same, but there was none.
    case absent

    /// No room: nothing has changed, and an earlier message of the topic is still there.
    case full
}
