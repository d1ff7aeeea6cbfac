import Bytes
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import TLS

// The end of a connection: said to the client, then to everybody else.
extension Shard {
    /// Ends a connection at the end of this turn. A client that is to hear of it is told: MQTT 5 knows a
    /// DISCONNECT from the server; a device of MQTT 3.1.1 gets a notice, where a reconnect would not tell
    /// it why.
    mutating func end(_ slot: UInt32, _ reason: Reason) {
        if reason == .kicked || reason == .entitlementEnded,
            context.wire[slot].phase == .open,
            context.wire[slot].settings.version == .v3_1_1
        {
            broker.notify(slot, "notice", "{\"reason\":\"\(reason.name)\"}", in: &context)
        }
        context.wire.end(slot, reason)
    }

    /// In the order in which they were ended.
    mutating func closeAll() {
        while let token = context.wire.nextToClose() { close(token) }
        flushReleasedCounters()
    }

    /// Sends what the socket still takes, and lets go of it: the one place where a connection ends.
    private mutating func close(_ token: Token) {
        let slot = token.slot
        context.wire.finish(slot)
        let reason = context.wire[slot].ending ?? .connectionLost
        if !context.children.isEmpty { context.dropLinks(of: slot) }
        context.counters.add(ending: reason)
        if context.wire[slot].wasOpen {
            if let product = context.wire[slot].settings.productSlot {
                context.quota.count(ending: reason, at: product)
            }
            keepRates(slot)
            leave(token)
        } else {
            context.wire.unadmitted -= 1
        }
        if context.wire[slot].isTraced { context.wire.traceEnd(slot, reason) }
        let successor = context.wire[slot].successor
        context.wire.remove(token)
        if let successor { admitSuccessor(successor, after: reason) }
    }

    /// Hands a connection that has named its client over to the client's home shard.
    mutating func sendHome(_ slot: UInt32, to home: Int) {
        guard let connection = context.wire.release(slot) else { return }
        context.counters.add(.handOvers)
        context.commons.sockets.depart()
        context.outgoing[home].append(.handOver(HandOver(connection)))
    }

    /// Takes an admitted client out of everything that knows it.
    private mutating func leave(_ token: Token) {
        let slot = token.slot
        if let product = context.wire[slot].settings.productSlot {
            context.quota.count(-1, at: product)
        }
        broker.announceDeparture(slot, in: &context)
        if !broker.leavesWillBehind(slot, in: &context) { broker.publishWill(slot, in: &context) }
        broker.leaveSession(slot, in: &context)
        broker.dropConfirmations(of: token)
        let client = context.wire[slot].settings.client
        let connected = broker.connection(of: client, in: &context)
        let successor = connected == token ? nil : connected
        if successor == nil {
            context.quota.noteDeparture(of: context.wire[slot].settings, at: context.now.books)
        }
        guard let meterSlot = context.wire[slot].settings.meterSlot else {
            return
        }
        if let successor, context.wire[successor.slot].settings.meterSlot == nil {
            // The hold goes on with the connection that took over, if it has none of its own.
            context.wire[successor.slot].settings.meterSlot = meterSlot
        } else {
            context.quota.release(meterSlot)
        }
    }

    // MARK: To another shard

    /// Takes a connection in that another shard has accepted, and serves its CONNECT.
    mutating func takeIn(_ handOver: HandOver) {
        guard let connection = handOver.take() else { return }
        let adopted = context.wire.adopt(connection, at: context.now)
        context.noteSockets()
        context.commons.sockets.arrive()
        guard let slot = adopted else { return }
        context.wire[slot].receivedTick = context.now.tick
        askedAt = context.wire[slot].phaseBegan
        defer { askedAt = nil }
        resumeReading(slot)
        if context.wire[slot].webSocket != nil { heedWebSocket(slot) }
    }
}
