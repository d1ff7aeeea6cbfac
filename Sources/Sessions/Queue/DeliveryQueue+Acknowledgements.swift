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

/// What a PUBACK, PUBREC or PUBCOMP of a client was about.
public enum AcknowledgementOutcome: Equatable, Sendable {
    /// The message of that sequence; it has gone one step further.
    case taken(sequence: UInt64)

    /// A message that the client has said so of before: its PUBREL is sent again.
    case repeated(sequence: UInt64)

    /// A message under way that is not acknowledged so: of the other QoS, or out of turn.
    case misplaced(sequence: UInt64)

    /// No message under way has that packet identifier.
    case unknown
}

/// Packet identifiers of QoS 2 messages that were taken from a client and await its PUBREL: a PUBLISH
/// with one of them is acknowledged and not taken again ([MQTT-4.3.3-10], [MQTT-4.3.3-12]).
///
/// As many as the Receive Maximum that the client was told. Owns no memory while empty.
public struct ReceivedIdentifiers: Equatable, Sendable {
    /// In order.
    private var identifiers: [UInt16] = []

    public init() {}

    /// Those that the store has kept, in order.
    init(_ identifiers: [UInt16]) { self.identifiers = identifiers }

    public var count: Int { identifiers.count }
    public var isEmpty: Bool { identifiers.isEmpty }

    /// In order.
    public var all: [UInt16] { identifiers }

    public func contains(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        return place < identifiers.count && identifiers[place] == packetID
    }

    /// PUBLISH: false when it is there already.
    public mutating func insert(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        if place < identifiers.count && identifiers[place] == packetID { return false }
        identifiers.insert(packetID, at: place)
        return true
    }

    /// PUBREL: false when it is not there.
    public mutating func remove(_ packetID: UInt16) -> Bool {
        let place = place(of: packetID)
        guard place < identifiers.count, identifiers[place] == packetID else { return false }
        identifiers.remove(at: place)
        if identifiers.isEmpty { identifiers = [] }
        return true
    }

    /// The first place whose identifier is not less.
    private func place(of packetID: UInt16) -> Int {
        var low = 0
        var high = identifiers.count
        while low < high {
            let middle = low + (high - low) / 2
            if identifiers[middle] < packetID { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
