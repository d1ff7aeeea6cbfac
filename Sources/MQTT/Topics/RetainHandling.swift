/// When retained messages are sent for a subscription (3.8.3.1).
public enum RetainHandling: UInt8, Sendable, CaseIterable {
    case sendAtSubscribe = 0
    case sendIfNew = 1
    case doNotSend = 2

    /// Whether a SUBSCRIBE gets the retained messages that match: `[MQTT-3.3.1-9]`, `[MQTT-3.3.1-10]`,
    /// `[MQTT-3.3.1-11]`; MQTT 3.1.1 always sends ([MQTT-3.8.4-3] there). A shared subscription never
    /// gets them (4.8.2).
    ///
    /// - Parameter isNew: the session had no subscription to exactly this filter before.
    @inlinable
    public func sendsRetained(isNew: Bool, isShared: Bool) -> Bool {
        if isShared { return false }
        return switch self {
        case .sendAtSubscribe: true
        case .sendIfNew: isNew
        case .doNotSend: false
        }
    }
}
