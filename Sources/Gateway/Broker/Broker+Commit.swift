import MQTT
import Reactor
import Sessions

// QoS 2 messages of stored sessions, which several shards may have to write: taken once, so in one
// commit with their packet identifiers ([MQTT-4.3.3-10]).
extension Broker {
    /// Answers what is gathered of a message to a device, and what became of it: acknowledged when all is
    /// written.
    mutating func answerGather(
        _ shard: Int,
        _ connection: Token,
        _ packetID: UInt16,
        _ answer: Gathered,
        _ outcome: DownlinkOutcome, in context: inout ShardContext
    ) {
        // Also to this shard by mail: the message may be on its way through this very turn.
        context.outgoing[shard].append(.gathered(connection, packetID: packetID, answer))
        context.outgoing[shard].append(.decided(connection, packetID: packetID, outcome))
    }

    /// The message has gone to all shards: it is written when they have answered.
    mutating func beginGather(
        _ commit: Publication.Commit,
        _ connection: Token,
        _ session: Token,
        _ packetID: UInt16, in context: inout ShardContext
    ) {
        let sender = DownlinkSender.confirmation(
            shard: context.index, connection, packetID: packetID)
        let gather = Gather(
            connection: connection,
            session: session,
            packetID: packetID,
            writes: commit.writes.map { write($0, $1, for: sender, in: &context) }
                + commit.forwards.compactMap { target, content in
                    forwardWrite(content, to: target, for: .nobody, in: &context)
                },
            outstanding: commit.answers
        )
        if gather.outstanding > 0 { gathers.append(gather) } else { finish(gather, in: &context) }
    }

    /// One shard has answered.
    mutating func gathered(
        _ connection: Token, _ packetID: UInt16, _ answer: Gathered, in context: inout ShardContext
    ) {
        let known = gathers.firstIndex { $0.connection == connection && $0.packetID == packetID }
        guard let known else { return }
        switch answer {
        case .nothing: break
        case .lost: gathers[known].isLost = true
        case .write(let place, let message):
            let sender = DownlinkSender.confirmation(
                shard: context.index, connection, packetID: packetID)
            gathers[known].writes.append(write(place, message, for: sender, in: &context))
        }
        gathers[known].outstanding -= 1
        if gathers[known].outstanding == 0 { finish(gathers.remove(at: known), in: &context) }
    }

    /// The write of a message in a queue here, or on another shard.
    private func write(
        _ place: StoredAt,
        _ message: QueuedMessage,
        for sender: DownlinkSender, in context: inout ShardContext
    ) -> SessionWrites.Write {
        SessionWrites.Write(
            change: .append(place.number, sequence: place.sequence, message),
            followUp: place.shard == context.index
                ? .stored(place.session, sequence: place.sequence, sender: sender)
                : .storedAt(place, sender: sender)
        )
    }

    private mutating func finish(_ gather: Gather, in context: inout ShardContext) {
        let sender = DownlinkSender.confirmation(
            shard: context.index, gather.connection, packetID: gather.packetID)
        let again = gather.repeatedOn.map {
            DownlinkSender.confirmation(shard: context.index, $0, packetID: gather.packetID)
        }
        guard !gather.isLost else {
            for write in gather.writes { giveUp(write, in: &context) }
            forget(gather.packetID, of: gather.session)
            tell(sender, .notStored, in: &context)
            if let again { tell(again, .notStored, in: &context) }
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
    mutating func giveUp(_ write: SessionWrites.Write, in context: inout ShardContext) {
        switch write.followUp {
        case .stored(let token, let sequence, let sender):
            if sessions.contains(token) {
                sessions[slot: token.slot].queue.drop(sequence)
                noteRoom(token.slot, in: &context)
            }
            tell(sender, .notStored, in: &context)
        case .storedAt(let place, let sender):
            context.outgoing[place.shard].append(.storedElsewhere(place, isWritten: false))
            tell(sender, .notStored, in: &context)
        case .received(let session, let packetID, let sender):
            forget(packetID, of: session)
            tell(sender, .notStored, in: &context)
        case .forward(let target, let number, let sender):
            forwards.remove(number, to: target)
            tell(sender, .notStored, in: &context)
            sendForwards(to: target, in: &context)
        case .took(let key, let sender):
            takings.remove(key)
            tell(sender, .notStored, in: &context)
        case .tookKept(let key, let keep):
            takings.remove(key)
            keepsRefused.append(keep)
        case nil, .release, .complete, .confirm, .subscribed, .removed, .yield, .taken, .forwarded,
            .left, .inherited, .inheritedForward, .handedOut, .held:
            break
        }
    }

    /// A message of a queue here was written elsewhere, or could not be.
    mutating func storedElsewhere(
        _ place: StoredAt, _ isWritten: Bool, in context: inout ShardContext
    ) {
        guard sessions.contains(place.session) else {
            // The session has ended, or left memory, meanwhile.
            return
        }
        let session = place.session.slot
        guard isWritten else {
            sessions[slot: session].queue.drop(place.sequence)
            noteRoom(session, in: &context)
            return
        }
        sessions[slot: session].queue.stored(place.sequence)
        sendInLine(place.session, in: &context)
    }
}
