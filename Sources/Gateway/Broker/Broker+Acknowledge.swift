import MQTT
import Reactor
import Sessions

// What a client answers to the messages that it was sent (4.3).
extension Broker {
    mutating func servePubrel(_ slot: UInt32, _ packetID: UInt16, in context: inout ShardContext) {
        let version = context.wire[slot].settings.version
        let session = session(of: slot, in: &context)
        if sessions[slot: session].received.remove(packetID) {
            if let number = sessions[slot: session].stored?.number,
                let connection = context.wire.token(of: slot)
            {
                return sessionWrites.append(
                    .complete(number, packetID: packetID),
                    then: .complete(connection, packetID: packetID)
                )
            }
            Pubcomp.encode(
                packetID: packetID,
                version: version,
                into: &context.wire[slot].output
            )
        } else {
            Pubcomp.encode(
                packetID: packetID,
                reason: .packetIdentifierNotFound,
                version: version,
                into: &context.wire[slot].output
            )
        }
    }

    /// PUBACK: the window has room for the next message in line.
    mutating func acknowledged(_ slot: UInt32, _ packetID: UInt16, in context: inout ShardContext) {
        guard let token = context.wire[slot].session else { return }
        switch sessions[slot: token.slot].queue.acknowledge(packetID) {
        case .taken(let sequence):
            leftLine(token.slot, sequence, in: &context)
            sendInLine(token, in: &context)
        case .repeated, .unknown: break
        case .misplaced: context.wire.end(slot, .protocolError)
        }
    }

    /// PUBREC: PUBREL follows, or, after a refusal, nothing ([MQTT-4.3.3-4]).
    mutating func received(
        _ slot: UInt32, _ packetID: UInt16, _ reason: ReasonCode, in context: inout ShardContext
    ) {
        guard let token = context.wire[slot].session else { return }
        let session = token.slot
        if reason.isFailure {
            if case .taken(let sequence) = sessions[slot: session].queue.refuse(packetID) {
                leftLine(session, sequence, in: &context)
                sendInLine(token, in: &context)
            }
            return
        }
        switch sessions[slot: session].queue.receive(packetID) {
        case .taken(let sequence):
            if let number = sessions[slot: session].stored?.number {
                sessionWrites.append(
                    .release(number, sequence: sequence),
                    then: .release(token, sequence: sequence)
                )
            } else if let packetID = sessions[slot: session].queue.release(sequence) {
                release(slot, packetID, in: &context)
            }
        case .repeated:
            // Else it is being written.
            if sessions[slot: session].queue.released.contains(packetID) {
                release(slot, packetID, in: &context)
            }
        case .unknown: release(slot, packetID, .packetIdentifierNotFound, in: &context)
        case .misplaced: context.wire.end(slot, .protocolError)
        }
    }

    /// PUBREL.
    mutating func release(
        _ slot: UInt32,
        _ packetID: UInt16,
        _ reason: ReasonCode = .success, in context: inout ShardContext
    ) {
        Pubrel.encode(
            packetID: packetID,
            reason: reason,
            version: context.wire[slot].settings.version,
            into: &context.wire[slot].output
        )
    }

    /// PUBCOMP: the window has room for the next message in line.
    mutating func completed(_ slot: UInt32, _ packetID: UInt16, in context: inout ShardContext) {
        guard let token = context.wire[slot].session else { return }
        switch sessions[slot: token.slot].queue.complete(packetID) {
        case .taken(let sequence):
            leftLine(token.slot, sequence, in: &context)
            sendInLine(token, in: &context)
        case .repeated, .unknown: break
        case .misplaced: context.wire.end(slot, .protocolError)
        }
    }
}
