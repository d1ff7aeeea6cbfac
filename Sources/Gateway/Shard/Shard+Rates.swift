import Ledger
import MQTT
import Reactor
import Storage

// What devices are limited to: agreed on when they come, and anew when the books say something else.
extension Shard {
    /// Holds a device that comes to its product's limits, and to its own.
    mutating func limit(_ slot: UInt32, own: TrafficLimits?) {
        guard let product = context.wire[slot].settings.productSlot else { return }
        let general = context.quota.limits(of: product)
        guard let limits = TrafficLimits.merged(own: own, product: general) else { return }
        context.wire[slot].limit(to: limits, own: own)
        context.wire[slot].settings.agree(to: limits)
        context.limitsPublishes = true
    }

    /// A device comes in: by the limits that hold now, which may have changed while it waited for the ledger or another
    /// node, and where its connection before has stopped.
    mutating func limitAdmitted(_ slot: UInt32) {
        guard case .device(let client) = context.wire[slot].settings.client else { return }
        // Otherwise they were read in this turn.
        if context.wire[slot].phase == .admitting { readLimits(slot, client.identity) }
        guard context.wire[slot].isLimited,
            let before = limiterBefore(of: client.identity)
        else { return }
        context.wire[slot].limiter.goOn(from: before)
    }

    /// What can't be read stays as it was read before.
    private mutating func readLimits(_ slot: UInt32, _ identity: DeviceIdentity) {
        do throws(StoreError) {
            let own = try context.books.withDevice(identity) { _, view throws(StoreError) in
                try view?.ownLimits
            }
            if context.wire[slot].isLimited { context.wire[slot].limit(to: nil, own: nil) }
            limit(slot, own: own)
        } catch {
            deferChange(of: identity, error)
        }
    }

    /// Serves what a connection has sent that another one takes over from, whatever its rate: of QoS 0, and a DISCONNECT,
    /// nothing would be sent again.
    mutating func serveAtOnce(_ older: Token) {
        guard context.wire[older.slot].isLimited else { return }
        let isDelayed = context.wire[older.slot].isDelayed
        context.wire[older.slot].limiter.isWaived = true
        context.wire[older.slot].limiter.heldUntil = nil
        if isDelayed { unpark(older) }
    }

    /// How far the device's connection is that it has still, or had.
    private mutating func limiterBefore(of identity: DeviceIdentity) -> TrafficLimiter? {
        if let older = broker.connection(of: identity, in: &context) {
            return context.wire[older.slot].isLimited ? context.wire[older.slot].limiter : nil
        }
        return spentRates.value(of: identity)
    }

    /// A device with limits goes.
    mutating func keepRates(_ slot: UInt32) {
        guard context.wire[slot].isLimited,
            case .device(let client) = context.wire[slot].settings.client
        else { return }
        let limiter = context.wire[slot].limiter
        guard !limiter.isFull(at: context.now.monotonic) else { return }
        spentRates.update(client.identity, orInsert: limiter) { $0 = limiter }
    }

    /// A connected device has other limits from now on, its own or its product's. How large its packets may be and how
    /// many may be under way is agreed on with each connection.
    mutating func limitAnew(_ slot: UInt32, own: TrafficLimits?) {
        guard let product = context.wire[slot].settings.productSlot else { return }
        let limits = TrafficLimits.merged(own: own, product: context.quota.limits(of: product))
        let isLimited = context.wire[slot].isLimited
        guard isLimited || limits != nil else { return }
        if isLimited, context.wire[slot].limiter.limits == limits,
            context.wire[slot].limiter.own == own
        {
            return
        }
        let wasHeld = isLimited && context.wire[slot].limiter.heldUntil != nil
        context.wire[slot].limit(to: limits, own: own)
        context.limitsPublishes = true
        if wasHeld, let token = context.wire.token(of: slot) { unpark(token) }
    }

    /// A product's limits are other ones from now on.
    mutating func limitAnew(devicesAt slots: [ProductCatalogue.Slot]) {
        var next = context.wire.nextSlot(from: 0)
        while let slot = next {
            next = context.wire.nextSlot(from: slot + 1)
            guard context.wire[slot].phase == .open,
                let product = context.wire[slot].settings.productSlot, slots.contains(product)
            else { continue }
            let own = context.wire[slot].isLimited ? context.wire[slot].limiter.own : nil
            limitAnew(slot, own: own)
        }
    }

    /// Serves the PUBLISHes that their devices' rates cover by now.
    mutating func serveDelayedPublishers() {
        while let token = broker.takeDelayed(in: &context) { unpark(token) }
    }
}
