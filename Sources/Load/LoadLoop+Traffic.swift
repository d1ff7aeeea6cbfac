internal import Bytes
internal import Linux
internal import MQTT
internal import Reactor
internal import Telemetry

extension LoadLoop {
    /// The largest packet that is taken from a server, in bytes.
    private static let packetMaximum = 1 << 20

    mutating func takePackets(_ slot: UInt32, _ bytes: Span<UInt8>) {
        let instant = MonotonicInstant.now().nanoseconds
        if clients[slot: slot].input.isEmpty {
            let taken = takeWhole(slot, bytes, at: instant)
            guard clients[slot: slot].hasDescriptor else { return }
            clients[slot: slot].input.append(bytes.extracting(taken..<bytes.count))
        } else {
            clients[slot: slot].input.append(bytes)
            var whole = ByteBuffer()
            swap(&whole, &clients[slot: slot].input)
            let taken = takeWhole(slot, whole.span, at: instant)
            guard clients[slot: slot].hasDescriptor else { return }
            whole.removeFirst(taken)
            swap(&whole, &clients[slot: slot].input)
        }
        if phase == .running, plan.scenario.publishes {
            pump(slot)
        } else {
            flush(slot)
        }
    }

    /// Takes the whole packets, and answers how many bytes they have.
    private mutating func takeWhole(_ slot: UInt32, _ bytes: Span<UInt8>, at instant: Int64) -> Int
    {
        var offset = 0
        do throws(DecodingError) {
            while offset < bytes.count {
                let rest = bytes.extracting(offset..<bytes.count)
                let next = try Framing.next(in: rest, maximumPacketSize: Self.packetMaximum)
                guard case .packet(let header, let head, let total) = next else { break }
                try take(slot, header, rest.extracting(head..<total), at: instant)
                guard clients[slot: slot].hasDescriptor else { break }
                offset += total
            }
        } catch {
            fail(slot, .wrongAnswer("\(error.violation)"))
        }
        return offset
    }

    private mutating func take(
        _ slot: UInt32,
        _ header: FixedHeader,
        _ body: Span<UInt8>,
        at instant: Int64
    ) throws(DecodingError) {
        let isUp = clients[slot: slot].stage == .up
        guard isUp != (header.type == .connack) else {
            return fail(
                slot, .wrongAnswer("\(header.type) while \(clients[slot: slot].stage.text)"))
        }
        switch header.type {
        case .puback:
            let answer = try Acknowledgement<PubackKind>(decoding: body, version: plan.version)
            finishMessage(slot, answer.packetID, answer.reason, at: instant)
        case .pubrec:
            let answer = try Acknowledgement<PubrecKind>(decoding: body, version: plan.version)
            if answer.reason.isFailure {
                return finishMessage(slot, answer.packetID, answer.reason, at: instant)
            }
            Acknowledgement<PubrelKind>.encode(
                packetID: answer.packetID, version: plan.version, into: &outbound)
        case .pubcomp:
            let answer = try Acknowledgement<PubcompKind>(decoding: body, version: plan.version)
            finishMessage(slot, answer.packetID, answer.reason, at: instant)
        case .connack:
            let answer = try Connack(decoding: body, version: plan.version)
            let reason = answer.reason
            guard reason == .success else { return fail(slot, .refused(reason)) }
            let window = answer.properties.receiveMaximum.map(Int.init) ?? plan.window
            clients[slot: slot].window = min(plan.window, window)
            clients[slot: slot].keepAliveSeconds =
                answer.properties.serverKeepAliveSeconds ?? plan.keepAliveSeconds
            connected(slot, at: instant)
        case .pingresp:
            guard clients[slot: slot].awaitsPong else { return }
            clients[slot: slot].awaitsPong = false
            awaited -= 1
        case .disconnect:
            let answer = try Disconnect(decoding: body, version: plan.version)
            fail(slot, .disconnected(answer.reason))
        case .publish:
            let message = try Publish(
                decoding: body, header: header, version: plan.version, sender: .server)
            acknowledge(message)
        case .pubrel:
            let answer = try Acknowledgement<PubrelKind>(decoding: body, version: plan.version)
            Acknowledgement<PubcompKind>.encode(
                packetID: answer.packetID, version: plan.version, into: &outbound)
        case .suback, .unsuback, .auth, .connect, .subscribe, .unsubscribe, .pingreq:
            fail(slot, .wrongAnswer("\(header.type), which was not asked for"))
        }
    }

    /// A message that the server has for the client is taken, and not looked at.
    private mutating func acknowledge(_ message: Publish) {
        guard let packetID = message.packetID else { return }
        if message.qos == .atLeastOnce {
            Acknowledgement<PubackKind>.encode(
                packetID: packetID, version: plan.version, into: &outbound)
        } else {
            Acknowledgement<PubrecKind>.encode(
                packetID: packetID, version: plan.version, into: &outbound)
        }
    }

    private mutating func finishMessage(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ reason: ReasonCode,
        at instant: Int64
    ) {
        guard plan.scenario.publishes else {
            return fail(slot, .wrongAnswer("an acknowledgement of nothing"))
        }
        let place = Int(slot) * (ringMask + 1) + Int(packetID) & ringMask
        let due = dueTimes[place]
        guard due != 0 else { return fail(slot, .wrongAnswer("an acknowledgement of nothing")) }
        dueTimes[place] = 0
        clients[slot: slot].inflight -= 1
        underWay -= 1
        if reason.isFailure { return count(.rejected(reason)) }
        meters.requests.record(UInt64(max(0, instant - due)))
        meters.counts.add(to: .done)
    }

    /// Sends what the client may send now: as many messages as its window has room for, and as are due.
    mutating func pump(_ slot: UInt32) {
        guard clients[slot: slot].stage == .up else { return }
        let isAnswered = plan.qos != .atMostOnce
        let window = isAnswered ? clients[slot: slot].window : plan.window
        var budget = clients[slot: slot].rest.isEmpty ? window : 0
        if isAnswered { budget -= clients[slot: slot].inflight }
        var instant: Int64 = 0
        while budget > 0 {
            let due: Int64
            if let pacer {
                due = pacer.due(requestNumber(slot))
                guard due <= now, due < end else { break }
            } else {
                if instant == 0 { instant = MonotonicInstant.now().nanoseconds }
                due = instant
            }
            publish(slot, due: due)
            budget -= 1
        }
        flush(slot)
    }

    /// The number, among all that are paced, of the client's next message.
    func requestNumber(_ slot: UInt32) -> Int {
        (clients[slot: slot].sent * clients.count + Int(slot)) * plan.threads + thread
    }

    private mutating func publish(_ slot: UInt32, due: Int64) {
        var packetID: UInt16?
        if plan.qos != .atMostOnce {
            let next = clients[slot: slot].packetID == .max ? 1 : clients[slot: slot].packetID + 1
            clients[slot: slot].packetID = next
            clients[slot: slot].inflight += 1
            underWay += 1
            dueTimes[Int(slot) * (ringMask + 1) + Int(next) & ringMask] = due
            packetID = next
        }
        let (topic, payload) = (clients[slot: slot].topic, payload)
        Publish.encode(
            topic: topic.span, payload: payload.span, qos: plan.qos,
            packetID: packetID, version: plan.version, into: &outbound)
        clients[slot: slot].sent += 1
        if packetID == nil { meters.counts.add(to: .done) }
    }
}
