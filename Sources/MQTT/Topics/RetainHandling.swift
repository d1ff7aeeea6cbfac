/// When retained messages are sent for a subscription (3.8.3.1).
public enum RetainHandling: UInt8, Sendable, CaseIterable {
    case sendAtSubscribe = 0
    case sendIfNew = 1
    case doNotSend = 2
}
