import MQTT
import Reactor
import Sessions

// QoS 2 messages of stored sessions, which several shards may have to write: taken once, so in one
// commit with their packet identifiers ([MQTT-4.3.3-10]).
extension Shard {
    /// Answers what is gathered of a message to a device, and what became of it: acknowledged when all is
    /// written.
    mutating func answerGather(
        _ shard: Int,
        _ connection: Token,
        _ packetID: UInt16,
        _ answer: Gathered,
        _ outcome: DownlinkOutcome
    ) {
        // Also to this shard by mail: the message may be on its way through this very turn.
        outgoing[shard].append(.gathered(connection, packetID: packetID, answer))
        outgoing[shard].append(.decided(connection, packetID: packetID, outcome))
    }

    /// The message has gone to all shards: it is written when they have answered.
    mutating func beginGather(
        _ commit: Publication.Commit,
        _ connection: Token,
        _ session: Token,
        _ packetID: UInt16
    ) {
        let sender = DownlinkSender.confirmation(shard: index, connection, packetID: packetID)
        let gather = Gather(
            connection: connection,
            session: session,
            packetID: packetID,
            writes: commit.writes.map { write($0, $1, for: sender) },
            outstanding: commit.answers
        )
        if gather.outstanding > 0 { gathers.append(gather) } else { finish(gather) }
    }

    /// One shard has answered.
    mutating func gathered(_ connection: Token, _ packetID: UInt16, _ answer: Gathered) {
        let known = gathers.firstIndex { $0.connection == connection && $0.packetID == packetID }
        guard let known else { return }
        switch answer {
        case .nothing: break
        case .lost: gathers[known].isLost = true
        case .write(let place, let message):
            let sender = DownlinkSender.confirmation(shard: index, connection, packetID: packetID)
            gathers[known].writes.append(write(place, message, for: sender))
        }
        gathers[known].outstanding -= 1
        if gathers[known].outstanding == 0 { finish(gathers.remove(at: known)) }
    }

    /// The write of a message in a queue here, or on another shard.
    private func write(
        _ place: StoredAt,
        _ message: QueuedMessage,
        for sender: DownlinkSender
    ) -> SessionWrites.Write {
        SessionWrites.Write(
            change: .append(place.number, sequence: place.sequence, message),
            followUp: place.shard == index
                ? .stored(place.session, sequence: place.sequence, sender: sender)
                : .storedAt(place, sender: sender)
        )
    }

    private mutating func finish(_ gather: Gather) {
        let sender = DownlinkSender.confirmation(
            shard: index, gather.connection, packetID: gather.packetID)
        let again = gather.repeatedOn.map {
            DownlinkSender.confirmation(shard: index, $0, packetID: gather.packetID)
        }
        guard !gather.isLost else {
            for write in gather.writes { giveUp(write) }
            forget(gather.packetID, of: gather.session)
            tell(sender, .notStored)
            if let again { tell(again, .notStored) }
            return
        }
        for write in gather.writes { sessionWrites.append(write) }
        guard sessions.contains(gather.session),
            let number = sessions[slot: gather.session.slot].stored?.number
        else { return }
        for sender in [sender, again].compactMap(\.self) {
            sessionWrites.append(
                .receive(number, packetID: gather.packetID),
                then: .received(gather.session, packetID: gather.packetID, sender: sender)
            )
        }
    }

    /// A message was not taken after all: when it is sent again, it is a new one.
    private mutating func forget(_ packetID: UInt16, of session: Token) {
        guard sessions.contains(session) else { return }
        _ = sessions[slot: session.slot].received.remove(packetID)
    }

    /// A message that was to be written is not: nobody gets it.
    mutating func giveUp(_ write: SessionWrites.Write) {
        switch write.followUp {
        case .stored(let token, let sequence, let sender):
            if sessions.contains(token) { sessions[slot: token.slot].queue.drop(sequence) }
            tell(sender, .notStored)
        case .storedAt(let place, let sender):
            outgoing[place.shard].append(.storedElsewhere(place, isWritten: false))
            tell(sender, .notStored)
        case .received(let session, let packetID, let sender):
            forget(packetID, of: session)
            tell(sender, .notStored)
        default: break
        }
    }

    /// A message of a queue here was written elsewhere, or could not be.
    mutating func storedElsewhere(_ place: StoredAt, _ isWritten: Bool) {
        guard sessions.contains(place.session) else {
            // The session has ended, or left memory, meanwhile.
            return
        }
        let session = place.session.slot
        guard isWritten else {
            sessions[slot: session].queue.drop(place.sequence)
            return
        }
        sessions[slot: session].queue.stored(place.sequence)
        sendInLine(place.session)
    }
}
