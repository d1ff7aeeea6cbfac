// What the client answers.
extension DeliveryQueue {
    /// PUBACK: a QoS 1 message is done with, whatever its reason code says.
    public mutating func acknowledge(_ packetID: UInt16) -> AcknowledgementOutcome {
        guard let index = index(ofPacket: packetID) else { return .unknown }
        let sequence = entries[index].sequence
        guard !entries[index].isExactlyOnce else { return .misplaced(sequence: sequence) }
        finish(index)
        return .taken(sequence: sequence)
    }

    /// PUBREC with success: a QoS 2 message is not sent again, but its PUBREL is ([MQTT-4.3.3-4],
    /// [MQTT-4.3.3-6]). `release` follows.
    public mutating func receive(_ packetID: UInt16) -> AcknowledgementOutcome {
        guard let index = index(ofPacket: packetID) else { return .unknown }
        let sequence = entries[index].sequence
        guard entries[index].isExactlyOnce else { return .misplaced(sequence: sequence) }
        switch entries[index].state {
        case .received, .released: return .repeated(sequence: sequence)
        case .waiting: inFlightCount += 1
        case .storing, .sent, .done: break
        }
        entries[index].state = .received
        settle(index)
        forget(index)
        return .taken(sequence: sequence)
    }

    /// PUBREC with a reason code of 0x80 or more: a QoS 2 message is done with (4.3.3).
    public mutating func refuse(_ packetID: UInt16) -> AcknowledgementOutcome {
        guard let index = index(ofPacket: packetID) else { return .unknown }
        let sequence = entries[index].sequence
        let isInTurn = entries[index].state == .sent || entries[index].state == .waiting
        guard entries[index].isExactlyOnce, isInTurn else {
            return .misplaced(sequence: sequence)
        }
        finish(index)
        return .taken(sequence: sequence)
    }

    /// What a PUBREC said is on disk, or in memory as that is all there is: answers the packet
    /// identifier that PUBREL is sent for; `nil` when the message is not there any more.
    public mutating func release(_ sequence: UInt64) -> UInt16? {
        guard let index = index(of: sequence), entries[index].state == .received else { return nil }
        entries[index].state = .released
        return Self.packetID(of: sequence)
    }

    /// PUBCOMP: a QoS 2 message is done with.
    public mutating func complete(_ packetID: UInt16) -> AcknowledgementOutcome {
        guard let index = index(ofPacket: packetID) else { return .unknown }
        let sequence = entries[index].sequence
        guard entries[index].state == .released else { return .misplaced(sequence: sequence) }
        finish(index)
        return .taken(sequence: sequence)
    }

    /// The message under way with that packet identifier: it was sent, on this connection or one before.
    private func index(ofPacket packetID: UInt16) -> Int? {
        guard packetID > 0, head < entries.count else { return nil }
        let first = entries[head].sequence
        let ahead = (UInt64(packetID) - 1 + 65_535 - first % 65_535) % 65_535
        guard let index = index(of: first + ahead) else { return nil }
        switch entries[index].state {
        case .sent, .received, .released: return index
        case .waiting: return entries[index].isDuplicate ? index : nil
        case .storing, .done: return nil
        }
    }
}
