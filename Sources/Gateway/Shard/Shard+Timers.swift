import MQTT
import Reactor
import Time

// One timer for each connection: the handshake's and CONNECT's time limit, then keep-alive and the
// end of the entitlement, whichever comes first.
extension Shard {

    mutating func fireTimers() {
        // The wheels move together, and most turns begin in the tick of the one before.
        if context.now.tick <= context.wire.wheel.now { return }
        var fired: [UInt32] = []
        swap(&fired, &firedTimers)
        fired.removeAll(keepingCapacity: true)
        context.wire.wheel.advance(to: context.now.tick, into: &fired)
        for slot in fired where context.wire.connections.isOccupied(slot: slot) { timerFired(slot) }
        broker.fireTimers(&fired, in: &context)
        swap(&fired, &firedTimers)
    }

    private mutating func timerFired(_ slot: UInt32) {
        switch context.wire.connections[slot: slot].phase {
        case .handshaking: end(slot, .handshakeTimeout)
        case .announcing, .awaitingConnect: end(slot, .connectTimeout)
        case .admitting, .closing:
            // The ledger always answers; until then there is nothing to be done.
            context.wire.wheel.schedule(
                slot, at: context.now.tick + ShardTime.ticks(milliseconds: 1_000))
        case .open:
            if let silence = context.wire.silenceTicks(slot),
                context.now.tick >= context.wire.connections[slot: slot].receivedTick + silence
            {
                return end(slot, .keepAliveTimeout)
            }
            if case .device(let client) = context.wire.connections[slot: slot].settings.client,
                context.wire.connections[slot: slot].settings.expiresAt <= context.now.books
            {
                requestRenewal(slot, client.identity)
            }
            context.wire.scheduleLater(slot, at: context.now)
        }
    }

    /// Says to the books that time has passed (rule B16), before anything else of this turn comes
    /// to them.
    func beatIfDue() {
        let commons = context.commons
        commons.clock.beatIfDue(at: context.now.monotonic, wall: context.now.wall, commons.ledger)
    }

    /// A clock has moved: what is due is done now, and every timer is set anew.
    mutating func lookAtClock() {
        var next = context.wire.connections.occupiedSlot(from: 0)
        while let slot = next {
            if context.wire.nextDeadline(slot, at: context.now) <= context.now.tick
                || context.wire.connections[slot: slot].phase == .open
            {
                timerFired(slot)
            } else {
                context.wire.scheduleLater(slot, at: context.now)
            }
            next = context.wire.connections.occupiedSlot(from: slot + 1)
        }
        broker.lookAtClock(in: &context)
    }
}
