import Bytes
import Ledger
import MQTT
import Reactor

// What a trace shows of one device. A connection that is not traced pays a look at its flag.
extension Shard {
    /// Begins to follow a device, connected or not.
    mutating func beginTrace(_ trace: DeviceTrace) {
        context.wire.journal.traces.insert(trace)
        guard let token = broker.connection(of: trace.device, in: &context) else { return }
        context.wire.setTraced(token.slot, true)
    }

    mutating func endTrace(_ trace: DeviceTrace) {
        context.wire.journal.traces.remove(trace)
        guard !context.wire.journal.traces.contains(trace.device),
            let token = broker.connection(of: trace.device, in: &context)
        else { return }
        context.wire.setTraced(token.slot, false)
    }
}

// The same for readers at other nodes.
extension Shard {
    mutating func follow(_ source: LiveSource, _ number: FeedNumber) -> NodeAnswer {
        switch source {
        case .trace(let device): traced(device, number)
        case .presence(let product): present(product, number)
        }
    }

    mutating func endFollowing(_ source: LiveSource, _ number: FeedNumber) {
        switch source {
        case .trace:
            if let trace = context.wire.journal.foreignTraces.remove(number) { endTrace(trace) }
        case .presence:
            if let watch = context.wire.journal.foreignWatches.remove(number) {
                context.wire.journal.watches.remove(watch)
            }
        }
    }

    private mutating func traced(_ device: DeviceIdentity, _ number: FeedNumber) -> NodeAnswer {
        let now = context.now.monotonic
        if let found = context.wire.journal.foreignTraces.take(number, at: now) {
            let node = context.commons.node.text
            let events = found.events.map { TraceEvent(at: $0.at, kind: $0.kind, node: node) }
            return .traced(events, dropped: found.dropped)
        }
        let trace = DeviceTrace(of: device)
        if context.wire.journal.foreignTraces.insert(trace, as: number, at: now) {
            beginTrace(trace)
        }
        return .traced([], dropped: 0)
    }

    private mutating func present(_ product: ProductKey, _ number: FeedNumber) -> NodeAnswer {
        let now = context.now.monotonic
        if let found = context.wire.journal.foreignWatches.take(number, at: now) {
            let node = context.commons.node.text
            let events = found.events.map { event in
                var event = event
                event.node = node
                return event
            }
            return .present(events, dropped: found.dropped)
        }
        let watch = PresenceWatch(of: product, atShard: context.index)
        if context.wire.journal.foreignWatches.insert(watch, as: number, at: now) {
            context.wire.journal.watches.insert(watch)
        }
        return .present([], dropped: 0)
    }

    /// What other nodes don't ask for any more.
    mutating func endSilentReaders() {
        let now = context.now.monotonic
        if !context.wire.journal.foreignTraces.isEmpty {
            for trace in context.wire.journal.foreignTraces.takeSilent(at: now) { endTrace(trace) }
        }
        if !context.wire.journal.foreignWatches.isEmpty {
            for watch in context.wire.journal.foreignWatches.takeSilent(at: now) {
                context.wire.journal.watches.remove(watch)
            }
        }
    }
}

extension Wire {
    /// What the connection's output holds already is not shown.
    fileprivate mutating func setTraced(_ slot: UInt32, _ isTraced: Bool) {
        connections[slot: slot].isTraced = isTraced
        journal.traces.setShownBytes(slot, isTraced ? connections[slot: slot].output.count : 0)
    }

    /// A client is let in.
    mutating func traceAdmission(_ slot: UInt32) {
        guard !journal.traces.isEmpty,
            case .device(let client) = connections[slot: slot].settings.client
        else { return }
        let identity = client.identity
        guard journal.traces.contains(identity) else { return }
        setTraced(slot, true)
        journal.show(
            .connected(
                address: "\(connections[slot: slot].peer)",
                listener: journal.listeners[connections[slot: slot].listener],
                protocolVersion: connections[slot: slot].settings.protocolName
            ),
            of: identity
        )
    }

    /// A traced connection is closed: everything has been written.
    mutating func traceEnd(_ slot: UInt32, _ reason: Reason) {
        journal.traces.setShownBytes(slot, 0)
        guard case .device(let client) = connections[slot: slot].settings.client else { return }
        journal.show(.ended(reason), of: client.identity)
    }

    /// A device's PUBLISH, when it is decided whether it is taken.
    func tracePublish(
        _ slot: UInt32,
        _ publish: borrowing Publish,
        _ topic: Span<UInt8>,
        _ verdict: PublishVerdict
    ) {
        var packet = TracedPacket(
            isFromDevice: true,
            type: PacketType.publish.name,
            bytes: publish.payload.count,
            topic: topic.text,
            qos: Int(publish.qos.rawValue)
        )
        packet.set(verdict)
        show(packet, slot)
    }

    /// A device's PUBLISH that waits until the device's rate covers it.
    func traceDelay(_ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>) {
        show(
            TracedPacket(
                isFromDevice: true,
                type: PacketType.publish.name,
                bytes: publish.payload.count,
                topic: topic.text,
                qos: Int(publish.qos.rawValue),
                outcome: "delayed"
            ),
            slot
        )
    }

    /// Any other packet from a device.
    func traceIncoming(_ slot: UInt32, _ header: FixedHeader) {
        let bytes = header.remainingLength
        // The lengths of a remaining length (table 2.4 of MQTT 3.1.1).
        let headerBytes = bytes < 1 << 7 ? 2 : bytes < 1 << 14 ? 3 : bytes < 1 << 21 ? 4 : 5
        show(
            TracedPacket(isFromDevice: true, type: header.type.name, bytes: headerBytes + bytes),
            slot
        )
    }

    /// The packets that have come into the output since the last flush.
    func traceOutgoing(_ slot: UInt32) {
        // A closing WebSocket has wrapped them already.
        if connections[slot: slot].webSocket != nil, connections[slot: slot].phase == .closing {
            return
        }
        let shown = journal.traces.shownBytes(slot)
        let count = connections[slot: slot].output.count
        guard shown < count else { return }
        let version = connections[slot: slot].settings.version
        let output = connections[slot: slot].output.span
        var start = shown
        do throws(DecodingError) {
            while start < count {
                let rest = output.extracting(start..<count)
                guard
                    case .packet(let header, let headerLength, let length) =
                        try Framing.next(in: rest, maximumPacketSize: .max)
                else { return }
                let body = rest.extracting(headerLength..<length)
                start += length
                guard header.type == .publish else {
                    show(
                        TracedPacket(isFromDevice: false, type: header.type.name, bytes: length),
                        slot)
                    continue
                }
                let publish = try Publish(decoding: body, header: header, version: version)
                let packet = TracedPacket(
                    isFromDevice: false,
                    type: header.type.name,
                    bytes: publish.payload.count,
                    topic: publish.topic.text,
                    qos: Int(header.qos.rawValue)
                )
                show(packet, slot)
            }
        } catch {
            assertionFailure("the gateway's own packets can be read: \(error)")
        }
    }

    private func show(_ packet: TracedPacket, _ slot: UInt32) {
        guard case .device(let client) = connections[slot: slot].settings.client else { return }
        journal.show(.packet(packet), of: client.identity)
    }
}

extension Journal {
    func traceRefusal(
        _ connection: borrowing Connection,
        _ reason: Reason,
        of identity: DeviceIdentity
    ) {
        guard !traces.isEmpty else { return }
        show(
            .refused(
                reason,
                address: "\(connection.peer)",
                listener: listeners[connection.listener]
            ),
            of: identity
        )
    }

    func show(_ kind: TraceEvent.Kind, of identity: DeviceIdentity) {
        traces.show(TraceEvent(at: now, kind: kind), of: identity)
    }
}

extension ProtocolVersion {
    /// For people.
    var name: String {
        switch self {
        case .v3_1_1: "3.1.1"
        case .v5: "5.0"
        }
    }
}
