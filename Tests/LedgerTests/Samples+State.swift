@testable import LedgerModel

/// The words of what devices are to be.
extension Samples {
    static func patch(_ text: String) -> StatePatch {
        guard let patch = try? StatePatch(json: Array(text.utf8)) else {
            preconditionFailure("no patch: \(text)")
        }
        return patch
    }

    static let uncounted = [TopicPattern(known: "heartbeat/#"), TopicPattern(known: "/${dk}/+")]

    private static let edits = [
        DesiredEdit(patch(#"{"on":true,"level":{"a":1.50,"b":null}}"#), isMerge: true),
        DesiredEdit(patch("{}"), isMerge: false, expected: 300),
    ]

    static let stateActions: [Action] = [
        .devices(.changeDesired(identity, edits[0])), .devices(.changeDesired(identity, edits[1])),
        .products(.countState(TestStore.product, true)),
        .products(.setUncounted(TestStore.product, uncounted)),
    ]

    static let stateChanges: [Change] = [
        .devices(.desiredChanged(identity, version: 300)),
        .products(.stateCounted(TestStore.product, true)),
        .products(.uncountedSet(TestStore.product, uncounted)),
    ]

    static let stateRefusals: [Refusal] = [
        .devices(.desiredVersion(300)), .devices(.desiredTooLarge(maximumBytes: 8_192)),
        .devices(.desiredTooOften(identity)),
    ]
}
