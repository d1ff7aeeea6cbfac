package import Ledger
package import Linux

/// What one connection of a device is held to: its own limits and its product's, and how far it has come.
///
/// Every connection of a device that has limits has one on the heap; nothing of it is in the slot.
package struct TrafficLimiter: Sendable {
    /// The device's own, which a change of its product's leaves as they are.
    let own: TrafficLimits?

    /// Both together; `nil`: none any more.
    let limits: TrafficLimits?
    private var messages: TokenBucket?
    private var bytes: TokenBucket?

    /// The PUBLISH in front waits until then; `nil`: none does.
    var heldUntil: MonotonicInstant?

    /// What comes is served whatever the rate, and counted: another connection takes over.
    var isWaived = false

    /// With full buckets.
    package init(_ limits: TrafficLimits?, own: TrafficLimits?) {
        self.own = own
        self.limits = limits
        messages = limits?.messages.map { TokenBucket($0) }
        bytes = limits?.bytes.map { TokenBucket($0) }
    }

    /// Whether there is nothing to go on with.
    func isFull(at now: MonotonicInstant) -> Bool {
        (messages?.isFull(at: now.nanoseconds) ?? true)
            && (bytes?.isFull(at: now.nanoseconds) ?? true)
    }

    /// Goes on where the device's connection before has stopped: who comes again has no more.
    mutating func goOn(from before: TrafficLimiter) {
        guard before.limits == limits else { return }
        messages = before.messages
        bytes = before.bytes
    }

    /// What becomes of a PUBLISH that is not covered.
    var excess: RateExcess { limits?.excess ?? .delay }

    /// Counts a PUBLISH, unless it is not covered: then when it will be.
    package mutating func take(bytes count: Int, at now: MonotonicInstant) -> MonotonicInstant? {
        let dueForMessage = messages?.due(1) ?? .min
        let dueForBytes = bytes?.due(count) ?? .min
        let due = max(dueForMessage, dueForBytes)
        guard due <= now.nanoseconds || isWaived else { return MonotonicInstant(nanoseconds: due) }
        messages?.take(1, at: now.nanoseconds)
        bytes?.take(count, at: now.nanoseconds)
        return nil
    }

    /// One that was counted is not served yet.
    mutating func giveBack(bytes count: Int) {
        messages?.giveBack(1)
        bytes?.giveBack(count)
    }
}
