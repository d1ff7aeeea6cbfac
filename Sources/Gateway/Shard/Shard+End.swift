import Bytes
import Linux
import Metering
import MQTT
import Reactor
import Sessions
import TLS

// The end of a connection: said to the client, then to everybody else.
extension Shard {
    /// Ends a connection at the end of this turn. A client that is to hear of it is told: MQTT 5
    /// knows a DISCONNECT from the server; a device of MQTT 3.1.1 gets a notice, where a reconnect
    /// would not tell it why.
    mutating func end(_ slot: UInt32, _ reason: Reason) {
        guard connections[slot: slot].ending == nil, let token = connections.token(ofSlot: slot)
        else { return }
        noteEnd(slot, reason)
        let phase = connections[slot: slot].phase
        if phase == .open, connections[slot: slot].settings.version == .v5, reason.isServers {
            let text = problemText(slot, reason.text)
            Disconnect.encode(
                reason: reason.reasonCode,
                version: .v5,
                into: &connections[slot: slot].output
            ) { properties in
                if let text { properties.reasonString(text.utf8Span.span) }
            }
        }
        if phase == .open, connections[slot: slot].settings.version == .v3_1_1,
            reason == .kicked || reason == .entitlementEnded
        {
            notify(slot, "notice", "{\"reason\":\"\(reason.name)\"}")
        }
        connections[slot: slot].wasOpen = phase == .open
        connections[slot: slot].phase = .closing
        connections[slot: slot].ending = reason
        closingList.append(token)
    }

    /// In the order in which they were ended: a connection that was taken over leaves its counter to
    /// its successor before that one goes too.
    mutating func closeAll() {
        var next = 0
        while next < closingList.count {
            let token = closingList[next]
            next += 1
            if connections.contains(token) { close(token) }
        }
        closingList.removeAll(keepingCapacity: true)
        flushReleasedCounters()
    }

    /// Sends what the socket still takes, and lets go of it.
    private mutating func close(_ token: Token) {
        let slot = token.slot
        if connections[slot: slot].webSocket != nil { closeWebSocket(slot) }
        flush(slot)
        if connections[slot: slot].tls != nil, connections[slot: slot].ciphertext.isEmpty {
            records.removeAll()
            connections[slot: slot].tls?.close(through: &port, output: &records)
            let socket = connections[slot: slot].descriptor.socket
            _ = try? socket.send(records.span)
        }
        let reason = connections[slot: slot].ending ?? .connectionLost
        counters.add(ending: reason)
        if connections[slot: slot].wasOpen {
            leave(token)
        } else {
            unadmitted -= 1
        }
        if connections[slot: slot].isTraced { traceEnd(slot, reason) }
        wheel.cancel(slot)
        let successor = connections[slot: slot].successor
        _ = connections.remove(token)
        if let successor { admitSuccessor(successor, after: reason) }
    }

    /// Takes an admitted client out of everything that knows it.
    private mutating func leave(_ token: Token) {
        let slot = token.slot
        if let product = connections[slot: slot].settings.productSlot {
            quota.count(-1, at: product)
        }
        if !leavesWillBehind(slot) { publishWill(slot) }
        leaveSession(slot)
        confirmations.removeAll { $0.confirmation.token == token }
        guard let meterSlot = connections[slot: slot].settings.meterSlot else { return }
        let name = ClientName(connections[slot: slot].settings.client)
        if let successor = connection(of: name), successor != token,
            connections[slot: successor.slot].settings.meterSlot == nil
        {
            // The hold goes on with the connection that took over, if it has none of its own.
            connections[slot: successor.slot].settings.meterSlot = meterSlot
        } else {
            quota.release(meterSlot)
        }
    }

    /// The will is a message like any other: metered, and then routed ([MQTT-3.1.2-8]).
    private mutating func publishWill(_ slot: UInt32) {
        guard let will = connections[slot: slot].settings.will else { return }
        connections[slot: slot].settings.will = nil
        let message = will.message.expiring(
            afterSeconds: will.messageExpirySeconds, from: clock.wall)
        switch charge(slot, payloadBytes: message.payload.count) {
        case .counted:
            message.withOutbound(isRetained: will.isRetained) {
                _ = route($0, from: slot, for: .nothing)
            }
        case .refused: counters.add(.publishesOverQuota)
        case .waits(let stock):
            guard case .device(let device) = connections[slot: slot].settings.client,
                let product = connections[slot: slot].settings.productSlot
            else { return }
            _ = quota.wait(
                .will(message, isRetained: will.isRetained, device, product), at: stock)
        }
    }

    // MARK: To another shard

    /// Hands a connection that has named its client over to the client's home shard.
    mutating func sendHome(_ slot: UInt32, to home: Int) {
        guard let token = connections.token(ofSlot: slot) else { return }
        takeBackOutput(slot)
        let number = connections[slot: slot].descriptor.rawValue
        do throws(Errno) {
            try epoll.remove(number)
        } catch {
            preconditionFailure("epoll_ctl: \(error)")
        }
        wheel.cancel(slot)
        guard var connection = connections.remove(token) else { return }
        unadmitted -= 1
        counters.add(.handOvers)
        connection.newHome = nil
        connection.holdsPacket = false
        connection.isFlushListed = false
        outgoing[home].append(.handOver(HandOver(connection)))
    }

    /// Takes a connection in that another shard has accepted, and serves its CONNECT.
    mutating func takeIn(_ handOver: HandOver) {
        guard let connection = handOver.take(), let slot = adopt(connection) else { return }
        connections[slot: slot].phaseTick = tick
        connections[slot: slot].receivedTick = tick
        resumeReading(slot)
        if connections[slot: slot].webSocket != nil { heedWebSocket(slot) }
    }
}
