@testable import LedgerModel

/// The words of what devices are limited to.
extension Samples {
    static let traffic = [
        TrafficLimits(messages: Rate(perSecond: 5)),
        TrafficLimits(
            messages: Rate(perSecond: 5, burst: 20), bytes: Rate(perSecond: 4_096, burst: 65_536),
            excess: .refuse, inflightMessages: 4, packetBytes: 1_024, subscriptions: 0),
    ]

    static let limitActions: [Action] = [
        .products(.setLimits(TestStore.product, traffic[0])),
        .products(.setLimits(TestStore.product, nil)),
        .devices(.setLimits(identity, traffic[1])), .devices(.setLimits(identity, nil)),
    ]

    static let limitChanges: [Change] = [
        .products(.limitsSet(TestStore.product, traffic[0])),
        .products(.limitsSet(TestStore.product, nil)),
        .devices(.limitsSet(identity, traffic[1])), .devices(.limitsSet(identity, nil)),
    ]
}
