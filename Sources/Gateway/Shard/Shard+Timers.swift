import MQTT
import Reactor
import Time

// One timer for each connection: the handshake's and CONNECT's time limit, then keep-alive and the
// end of the entitlement, whichever comes first.
extension Shard {
    /// Sets the connection's timer to the next thing that may be due.
    mutating func scheduleTimer(_ slot: UInt32) {
        wheel.schedule(slot, at: nextDeadline(slot))
    }

    private func nextDeadline(_ slot: UInt32) -> UInt64 {
        let limits = commons.limits
        switch connections[slot: slot].phase {
        case .handshaking:
            return connections[slot: slot].phaseTick
                + Self.ticks(milliseconds: limits.handshakeTimeoutMilliseconds)
        case .awaitingConnect, .admitting, .closing:
            return connections[slot: slot].phaseTick
                + Self.ticks(milliseconds: limits.connectTimeoutMilliseconds)
        case .open:
            var deadline = UInt64.max
            if let silence = silenceTicks(slot) {
                deadline = connections[slot: slot].receivedTick + silence
            }
            if connections[slot: slot].settings.productSlot != nil,
                !connections[slot: slot].isRenewing
            {
                // Looked at once an hour at least, as the calendar may be set meanwhile.
                let expiresAt = connections[slot: slot].settings.expiresAt
                let left = expiresAt.milliseconds(since: clock.wall)
                let ticks = Self.ticks(milliseconds: min(max(left, 1), 3_600_000))
                deadline = min(deadline, tick + ticks)
            }
            return deadline == .max ? tick + Self.ticks(milliseconds: 86_400_000) : deadline
        }
    }

    /// One and a half times the keep-alive ([MQTT-3.1.2-22]), in ticks; `nil` without one,
    /// or while it is the gateway that does not read.
    private func silenceTicks(_ slot: UInt32) -> UInt64? {
        let seconds = connections[slot: slot].settings.keepAliveSeconds
        guard seconds > 0, !connections[slot: slot].holdsPacket else { return nil }
        return Self.ticks(milliseconds: Int64(seconds) * 1_500)
    }

    mutating func fireTimers() {
        var fired: [UInt32] = []
        swap(&fired, &firedTimers)
        fired.removeAll(keepingCapacity: true)
        wheel.advance(to: tick, into: &fired)
        for slot in fired where connections.isOccupied(slot: slot) { timerFired(slot) }
        fired.removeAll(keepingCapacity: true)
        sessionWheel.advance(to: tick, into: &fired)
        for slot in fired { absentTimerFired(slot) }
        swap(&fired, &firedTimers)
    }

    private mutating func timerFired(_ slot: UInt32) {
        switch connections[slot: slot].phase {
        case .handshaking: end(slot, .handshakeTimeout)
        case .awaitingConnect: end(slot, .connectTimeout)
        case .admitting, .closing:
            // The ledger always answers; until then there is nothing to be done.
            wheel.schedule(slot, at: tick + Self.ticks(milliseconds: 1_000))
        case .open:
            if let silence = silenceTicks(slot),
                tick >= connections[slot: slot].receivedTick + silence
            {
                return end(slot, .keepAliveTimeout)
            }
            if case .device(let identity) = connections[slot: slot].settings.client,
                connections[slot: slot].settings.expiresAt <= clock.wall
            {
                requestRenewal(slot, identity)
            }
            scheduleLater(slot)
        }
    }

    /// Sets the timer anew, a tick away at least.
    private mutating func scheduleLater(_ slot: UInt32) {
        wheel.schedule(slot, at: max(nextDeadline(slot), tick + 1))
    }

    /// A clock has moved: what is due is done now, and every timer is set anew.
    mutating func lookAtClock() {
        var next = connections.occupiedSlot(from: 0)
        while let slot = next {
            if nextDeadline(slot) <= tick || connections[slot: slot].phase == .open {
                timerFired(slot)
            } else {
                scheduleLater(slot)
            }
            next = connections.occupiedSlot(from: slot + 1)
        }
        next = sessions.occupiedSlot(from: 0)
        while let slot = next {
            lookAtAbsent(slot)
            next = sessions.occupiedSlot(from: slot + 1)
        }
    }
}
