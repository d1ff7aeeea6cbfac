import Bytes
import Ledger
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import Storage
import Time

// What messages cost: charged when they are taken or sent, and held when their units have been asked for.
extension Broker {
    /// Counts a message of or to a client; a device hears once a day that nothing covers it (rules C4, C6).
    @inline(__always)
    mutating func charge(
        _ slot: UInt32, payloadBytes: Int, isReserved: Bool = false, in context: inout ShardContext
    ) -> ChargeVerdict {
        let verdict = context.quota.charge(
            &context.wire[slot].settings, payloadBytes: payloadBytes,
            isReserved: isReserved, at: context.now.books)
        if case .refused(isFirst: true) = verdict { tellOfExhaustion(slot, in: &context) }
        return verdict
    }

    /// Nothing covers a device's messages any more. What it can't hear is told when it can (rule C11).
    private mutating func tellOfExhaustion(_ slot: UInt32, in context: inout ShardContext) {
        let isHeard =
            context.wire[slot].phase == .open
            && notifyOfQuota(slot, "notice", "\"reason\":\"quota-exhausted\",", in: &context)
        guard !isHeard else { return }
        context.quota.noteUnheard(
            &context.wire[slot].settings, at: context.now.books)
    }

    /// The same of a device that has gone: it may be back by now.
    private mutating func tellOfExhaustion(
        absent device: DeviceIdentity,
        _ product: ProductCatalogue.Slot, in context: inout ShardContext
    ) {
        guard let session = known(device),
            let slot = openConnection(of: session.slot, in: &context)
        else {
            return context.quota.noteUnheard(absent: device, of: product, at: context.now.books)
        }
        tellOfExhaustion(slot, in: &context)
    }

    /// A device may be able to hear what it could not before: it has subscribed, or come back.
    mutating func tellOwedNotice(_ slot: UInt32, in context: inout ShardContext) {
        guard
            context.quota.takeOwedNotice(
                &context.wire[slot].settings, at: context.now.books)
        else { return }
        tellOfExhaustion(slot, in: &context)
    }

    /// `sys/quota/get` is answered on `sys/quota`.
    mutating func answerQuotaQuestion(_ slot: UInt32, in context: inout ShardContext) {
        _ = notifyOfQuota(slot, "quota", "", in: &context)
    }

    /// Whether the device has been told.
    private mutating func notifyOfQuota(
        _ slot: UInt32, _ name: String, _ members: String, in context: inout ShardContext
    ) -> Bool {
        guard wantsNotices(slot, name, in: &context),
            let report = context.quota.report(
                &context.wire[slot].settings, at: context.now.books)
        else { return false }
        return notify(slot, name, "{\(members)\(report)}", in: &context)
    }

    /// A PUBLISH waits for units: it stays unread, and what is behind it too.
    mutating func park(_ slot: UInt32, at stock: PackStocks.Slot, in context: inout ShardContext) {
        guard let token = context.wire.token(of: slot) else { return }
        context.wire[slot].holdsPacket = true
        _ = context.quota.wait(.publisher(token), at: stock)
    }

    /// A message to a device waits for units; dropped when too many do.
    mutating func hold(
        _ delivery: HeldDelivery, at stock: PackStocks.Slot, in context: inout ShardContext
    ) -> DeliveryOutcome {
        guard context.quota.wait(.delivery(delivery), at: stock) else {
            context.counters.add(.deliveriesDropped)
            return .decided(.queueFull)
        }
        sessions[slot: delivery.token.slot].holdsDeliveries = true
        return .pending
    }

    /// A device's next message in its queue waits for units.
    mutating func waitInLine(
        _ token: Token, at stock: PackStocks.Slot, in context: inout ShardContext
    ) {
        sessions[slot: token.slot].holdsDeliveries = true
        _ = context.quota.wait(.queue(token), at: stock)
    }

    mutating func deliverHeld(_ held: HeldDelivery, in context: inout ShardContext) {
        var shared: Message? = held.message
        held.message.withOutbound(isRetained: held.terms.isRetained) { message in
            let outcome = deliver(
                held.token, message, held.terms, for: held.sender, sharing: &shared, in: &context)
            report(outcome, to: held.sender, in: &context)
        }
    }

    /// The will of a device that has gone meanwhile.
    mutating func publishWill(
        _ will: Message,
        isRetained: Bool,
        of device: DeviceIdentity,
        _ product: ProductCatalogue.Slot, in context: inout ShardContext
    ) {
        let isUncounted = isUncounted(will, of: device, product, in: &context)
        let verdict =
            isUncounted
            ? .counted
            : context.quota.charge(
                absent: device, of: product, payloadBytes: will.payload.count,
                at: context.now.books)
        switch verdict {
        case .counted:
            if context.quota.hasUplinks { putIntoStream(will, of: device, product, in: &context) }
            var shared: Message? = will
            will.withOutbound(isRetained: isRetained) { message in
                if isRetained { _ = retain(message, for: .nobody, sharing: &shared, in: &context) }
                guard !subscriptions.isEmpty else { return }
                _ = deliverToApplications(message, from: nil, sharing: &shared, in: &context)
            }
        case .refused(let isFirst):
            context.counters.add(.publishesOverQuota)
            if isFirst { tellOfExhaustion(absent: device, product, in: &context) }
        case .waits(let stock):
            _ = context.quota.wait(
                .will(will, isRetained: isRetained, device, product), at: stock)
        }
    }

    /// The will is a message like any other: metered, and then routed ([MQTT-3.1.2-8]).
    mutating func publishWill(_ slot: UInt32, in context: inout ShardContext) {
        guard let will = context.wire[slot].will else { return }
        context.wire[slot].will = nil
        let message = will.message.expiring(
            afterSeconds: will.messageExpirySeconds, from: context.now.books)
        let topic = message.topic
        let isUncounted =
            context.quota.hasUncounted && isUncounted(topic.span, from: slot, in: &context)
        let verdict =
            isUncounted
            ? .counted : charge(slot, payloadBytes: message.payload.count, in: &context)
        switch verdict {
        case .counted:
            message.withOutbound(isRetained: will.isRetained) {
                _ = route($0, from: slot, for: .nothing, in: &context)
            }
        case .refused: context.counters.add(.publishesOverQuota)
        case .waits(let stock):
            guard case .device(let device) = context.wire[slot].settings.client,
                let product = context.wire[slot].settings.productSlot
            else { return }
            _ = context.quota.wait(
                .will(message, isRetained: will.isRetained, device.identity, product), at: stock)
        }
    }
}
