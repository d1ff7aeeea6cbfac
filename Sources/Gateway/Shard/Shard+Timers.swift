import MQTT
import Reactor
import Time

// One timer for each connection: the handshake's and CONNECT's time limit, then keep-alive and the
// end of the entitlement, whichever comes first.
extension Shard {

    mutating func fireTimers() {
        // The broker's wheel moves with the wire's.
        guard context.wire.mayHaveDueTimers(at: context.now) else { return }
        var fired: [UInt32] = []
        swap(&fired, &firedTimers)
        fired.removeAll(keepingCapacity: true)
        context.wire.takeDueTimers(at: context.now, into: &fired)
        for slot in fired where context.wire.token(of: slot) != nil { timerFired(slot) }
        broker.fireTimers(&fired, in: &context)
        swap(&fired, &firedTimers)
    }

    private mutating func timerFired(_ slot: UInt32) {
        switch context.wire[slot].phase {
        case .sorting, .handshaking: end(slot, .handshakeTimeout)
        case .announcing, .awaitingConnect: end(slot, .connectTimeout)
        case .departing: end(slot, .disconnected)
        case .admitting where context.wire[slot].waitsForLedger:
            guard context.now.tick >= context.wire.nextDeadline(slot, at: context.now) else {
                return context.wire.scheduleLater(slot, at: context.now)
            }
            // What it has asked for may still be done; its answer finds the connection gone.
            refuseConnect(slot, .ledgerUnavailable)
        case .admitting, .closing:
            // Other nodes answer, or are not waited for any longer (`letInThoseThatWait`).
            context.wire.scheduleTimer(slot, in: 1_000, at: context.now)
        case .open:
            if let silence = context.wire.silenceTicks(slot),
                context.now.tick >= context.wire[slot].receivedTick + silence
            {
                return end(slot, .keepAliveTimeout)
            }
            if case .device(let client) = context.wire[slot].settings.client,
                context.wire[slot].settings.expiresAt <= context.now.books
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
        var next = context.wire.nextSlot(from: 0)
        while let slot = next {
            if context.wire.nextDeadline(slot, at: context.now) <= context.now.tick
                || context.wire[slot].phase == .open
            {
                timerFired(slot)
            } else {
                context.wire.scheduleLater(slot, at: context.now)
            }
            next = context.wire.nextSlot(from: slot + 1)
        }
        broker.lookAtClock(in: &context)
    }
}
