import Bytes
import Linux
import MQTT
import Reactor
import Sessions

// Between a child's connection and its parent's: what the parent publishes for the child, what comes for that, and the
// end. `Broker+Children` has the requests.
extension Broker {
    // MARK: For a child

    /// A message of a child's, which its parent publishes: it goes to the child's own connection. `nil` when the topic is
    /// of no child that is attached.
    @inline(never)
    mutating func relay(
        _ slot: UInt32, _ publish: borrowing Publish, _ topic: Span<UInt8>,
        in context: inout ShardContext
    ) -> PublishVerdict? {
        guard let parent = context.wire.token(of: slot),
            let token = context.children.link(of: topic, parent: parent),
            context.children[token.slot].phase == .attached
        else { return nil }
        let link = token.slot
        let before = context.children[link].output.count
        let isFull =
            before > context.commons.limits.queueBytes
            || context.children[link].unanswered.count >= context.children[link].receiveMaximum
        if isFull { return overfull(slot, publish, in: &context) }
        let qos = min(publish.qos, .atLeastOnce)
        let packetID = publish.packetID
        Publish.encode(
            topic: topic, payload: publish.payload, qos: qos, packetID: packetID,
            isRetained: publish.isRetained,
            isDuplicate: publish.isDuplicate && qos == .atLeastOnce, version: .v5,
            into: &context.children[link].output
        ) { properties in
            properties.append(
                contentsOf: publish.properties, excluding: PropertySet(.topicAlias))
        }
        let bytes = context.children[link].output.count - before
        guard bytes <= Int(context.children[link].maximumPacketSize) else {
            // It would end the child's connection, which did not send it.
            context.children[link].output.truncate(to: before)
            return .refused(.packetTooLarge)
        }
        if let packetID { context.children[link].unanswered.append(packetID) }
        context.children.flushLater(token)
        return .relayed
    }

    /// A child's connection reads more slowly than is published for it. A parent of MQTT 3.1.1 can't be told.
    private mutating func overfull(
        _ slot: UInt32, _ publish: borrowing Publish, in context: inout ShardContext
    ) -> PublishVerdict {
        guard publish.qos > .atMostOnce, context.wire[slot].settings.version == .v3_1_1 else {
            return .refused(.messageRateExceeded)
        }
        endHeldChildren(of: slot, in: &context)
        if context.limitsPublishes { giveBackRate(slot, publish, in: &context) }
        holdPublisher(slot, in: &context)
        return .held
    }

    /// A parent that is read no more makes no room in its line: its children that wait for room there would hold up their
    /// answers, and those the parent, for good. They are detached: what is not taken stays in their sessions, and comes when
    /// they are attached again.
    @inline(never)
    mutating func endHeldChildren(of slot: UInt32, in context: inout ShardContext) {
        guard let parent = context.wire.token(of: slot) else { return }
        while let (token, _) = context.children.firstHeld(of: parent) {
            context.leaveMessages(of: token)
            context.children[token.slot].ending = .queueFull
            receive(token, in: &context)
            if context.children.contains(token) { endLink(token, in: &context) }
        }
    }

    /// There may be room for what a parent has been held with.
    mutating func mayServeHeldPublishers() {
        if !pace.publishers.isEmpty { pace.mayGoOn = true }
    }

    // MARK: From a child

    /// A link's socket is ready. `isOver`: the child's connection has closed it.
    mutating func serveLink(_ slot: UInt32, isOver: Bool, in context: inout ShardContext) {
        guard let token = context.children.token(ofSlot: slot) else { return }
        let wasFull = !context.children[slot].output.isEmpty
        context.flush(token)
        if wasFull, context.children[slot].output.isEmpty { mayServeHeldPublishers() }
        if context.children[slot].isHeld {
            guard isOver else { return }
            context.leaveMessages(of: token)
        }
        receive(token, in: &context)
    }

    /// Serves the links that were held, where there is room now.
    mutating func serveHeldLinks(in context: inout ShardContext) {
        for parent in context.children.takeRoomy() {
            // One after another: where there is no room for the first one's message, those behind it wait as well, so that
            // each acknowledgement costs as much as it has made room for.
            while let (token, bytes) = context.children.firstHeld(of: parent),
                context.wire.contains(parent), let session = context.wire[parent.slot].session,
                hasRoom(session.slot, for: bytes, in: &context)
            {
                goOn(token, in: &context)
            }
        }
    }

    /// There is room for what a link is held with.
    private mutating func goOn(_ token: Token, in context: inout ShardContext) {
        context.children.letGoOn(token)
        // Nothing more is read before what has come already has found room.
        receive(token, reads: false, in: &context)
        guard context.children.contains(token), !context.children[token.slot].isHeld else {
            return
        }
        receive(token, in: &context)
        if context.children.contains(token) { context.watch(token.slot) }
    }

    /// Reads once from a link, unless `reads` is false, and serves the packets that are complete.
    private mutating func receive(
        _ token: Token, reads: Bool = true, in context: inout ShardContext
    ) {
        let slot = token.slot
        var arrived = ByteBuffer()
        swap(&arrived, &context.wire.inbound)
        defer { swap(&arrived, &context.wire.inbound) }
        arrived.removeAll()
        arrived.append(context.children[slot].input.span)
        context.children[slot].input.removeAll(keepingCapacity: false)
        let isOpen = !reads || context.children[slot].descriptor.socket.read(into: &arrived)
        let used = serve(token, arrived.span, in: &context)
        guard context.children.contains(token) else { return }
        guard isOpen, let used else { return endLink(token, in: &context) }
        let rest = arrived.span.extracting(used..<arrived.count)
        if !rest.isEmpty { context.children[slot].input.append(rest) }
        if context.children[slot].isHeld { context.watch(slot) }
    }

    /// Serves the whole packets at the front, and answers how many bytes those were; `nil` when one of them is none.
    private mutating func serve(
        _ token: Token, _ bytes: Span<UInt8>, in context: inout ShardContext
    ) -> Int? {
        var used = 0
        do throws(DecodingError) {
            while used < bytes.count, context.children.contains(token),
                !context.children[token.slot].isHeld
            {
                let rest = bytes.extracting(used..<bytes.count)
                guard
                    case .packet(let header, let headerLength, let length) =
                        try Framing.next(in: rest, maximumPacketSize: .max)
                else { break }
                try serve(
                    token, header, rest.extracting(headerLength..<length), in: &context)
                guard context.children.contains(token), !context.children[token.slot].isHeld
                else { break }
                used += length
            }
        } catch {
            return nil
        }
        return used
    }

    private mutating func serve(
        _ token: Token, _ header: FixedHeader, _ body: Span<UInt8>,
        in context: inout ShardContext
    ) throws(DecodingError) {
        switch header.type {
        case .connack:
            connected(token, try Connack(decoding: body, version: .v5), in: &context)
        case .suback:
            guard context.children[token.slot].phase == .subscribing else { return }
            context.children[token.slot].phase = .attached
            tellAttached(token, in: &context)
        case .puback:
            answered(token, try Puback(decoding: body, version: .v5), in: &context)
        case .publish:
            let publish = try Publish(
                decoding: body, header: header, version: .v5, sender: .server)
            deliver(publish, of: token, in: &context)
        case .disconnect:
            let disconnect = try Disconnect(decoding: body, version: .v5, sender: .server)
            context.children[token.slot].ending = Reason(
                told: disconnect.reason, disconnect.properties.reasonString)
        case .connect, .pubrec, .pubrel, .pubcomp, .subscribe, .unsubscribe, .unsuback, .pingreq,
            .pingresp, .auth:
            break
        }
    }

    private mutating func connected(
        _ token: Token, _ connack: borrowing Connack, in context: inout ShardContext
    ) {
        let slot = token.slot
        guard connack.reason == .success else {
            context.children[slot].ending = Reason(
                told: connack.reason, connack.properties.reasonString)
            return endLink(token, in: &context)
        }
        // It may have been detached meanwhile.
        guard context.children[slot].phase == .connecting else { return }
        context.children[slot].receiveMaximum = Int(connack.properties.receiveMaximum ?? .max)
        context.children[slot].maximumPacketSize = connack.properties.maximumPacketSize ?? .max
        context.children[slot].phase = .subscribing
        let prefix = context.children[slot].prefix
        let filters = [prefix + Array("down/#".utf8), prefix + Array("sys/#".utf8)]
        Subscribe.encode(
            packetID: 1, version: .v5, into: &context.children[slot].output
        ) { writer in
            for filter in filters { writer.append(filter.span, qos: .atLeastOnce) }
        }
        context.children.flushLater(token)
    }

    /// What the child's connection has answered to a message that the parent has published for it, the parent is told.
    private mutating func answered(
        _ token: Token, _ puback: borrowing Puback, in context: inout ShardContext
    ) {
        let packetID = puback.packetID
        var verdict = PublishVerdict.taken
        if puback.reason.isFailure {
            verdict = .refused(Reason(told: puback.reason, puback.properties.reasonString))
        } else if puback.reason == .noMatchingSubscribers {
            verdict = .noSubscribers
        }
        context.children[token.slot].unanswered.removeAll { $0 == packetID }
        decided(context.children[token.slot].parent, packetID, verdict, in: &context)
    }

    private mutating func decided(
        _ parent: Token, _ packetID: UInt16, _ verdict: PublishVerdict,
        in context: inout ShardContext
    ) {
        guard context.wire.contains(parent), context.wire[parent.slot].phase == .open else {
            return
        }
        if context.wire[parent.slot].settings.unanswered.decide(packetID, relayed: verdict) {
            keepRelayed(parent.slot, packetID, in: &context)
        }
        answerDue(parent, in: &context)
    }

    /// A QoS 2 message that was relayed to a child's connection has been taken there: only from now on the same one again is
    /// not taken another time.
    private mutating func keepRelayed(
        _ slot: UInt32, _ packetID: UInt16, in context: inout ShardContext
    ) {
        if keepIdentifier(slot, packetID, with: Publication.Commit(), in: &context) {
            context.wire[slot].settings.unanswered.wait(packetID)
        }
    }

    /// A message to the child, which it has been charged for, goes on to its parent. Where the parent's session has no room
    /// for it now, the link is held.
    ///
    /// What is not answered, the child's session has still. It is answered when the parent's session has it on disk, or,
    /// where that keeps nothing, when the parent's client has acknowledged it.
    private mutating func deliver(
        _ publish: borrowing Publish, of token: Token, in context: inout ShardContext
    ) {
        let parent = context.children[token.slot].parent
        guard !context.children[token.slot].leavesMessages, context.wire.contains(parent),
            context.wire[parent.slot].phase == .open,
            let session = context.wire[parent.slot].session
        else { return }
        let message = OutboundMessage(publish, topic: publish.topic, at: context.now.books)
        var sender = DownlinkSender.nobody
        if let packetID = publish.packetID {
            let bytes =
                message.topic.count + message.payload.count + message.properties.bytes.count
            guard hasRoom(session.slot, for: bytes, in: &context) else {
                return context.children.hold(token, for: bytes)
            }
            sender = .child(token, packetID: packetID)
        }
        let terms = DeliveryTerms(
            qos: publish.qos, isRetained: publish.isRetained, isCounted: false)
        var shared: Message?
        let outcome = deliver(
            session, message, terms, for: sender, sharing: &shared, in: &context)
        report(outcome, to: sender, in: &context)
    }

    /// Whether one more message, of so many bytes, may wait in a parent's session. One that is larger than that takes at all
    /// waits until nothing else is in line.
    private func hasRoom(
        _ session: UInt32, for bytes: Int, in context: inout ShardContext
    ) -> Bool {
        sessions[slot: session].queue.isEmpty
            || sessions[slot: session].queue.takes(bytes, limits: context.commons.queueLimits)
    }

    /// What has become of a message to a child at its parent's session.
    mutating func decided(
        _ link: Token, child packetID: UInt16, _ outcome: DownlinkOutcome,
        in context: inout ShardContext
    ) {
        switch outcome {
        case .delivered, .queued:
            guard context.children.contains(link) else { return }
            let parent = context.children[link.slot].parent
            guard context.wire.contains(parent), let session = context.wire[parent.slot].session,
                sessions.contains(session), sessions[slot: session.slot].stored != nil
            else { return }
            answerChild(link, packetID, in: &context)
        // As it is for a client of its own ([MQTT-3.1.2-25], [MQTT-3.3.2-5]).
        case .tooLarge, .expired: answerChild(link, packetID, in: &context)
        // The child's session sends it again on another connection only.
        case .queueFull, .notStored:
            guard context.children.contains(link) else { return }
            context.children[link.slot].ending = outcome == .queueFull ? .queueFull : .notStored
            leave(link, in: &context)
        case .notConnected, .noSubscription, .quotaExceeded: break
        }
    }

    /// The child's session is done with a message.
    private func answerChild(_ link: Token, _ packetID: UInt16, in context: inout ShardContext) {
        guard context.children.contains(link) else { return }
        Puback.encode(
            packetID: packetID, version: .v5, into: &context.children[link.slot].output)
        context.children.flushLater(link)
    }

    /// A message of a parent's session goes out, or waits in line: the child that it is for, if it is for one, is answered
    /// when it has left that.
    @inline(__always)
    func noteInLine(
        _ session: UInt32, _ sequence: UInt64, for sender: DownlinkSender,
        in context: inout ShardContext
    ) {
        guard case .child(let link, let packetID) = sender,
            let parent = sessions[slot: session].connection, context.wire.contains(parent)
        else { return }
        context.wire[parent.slot].childDeliveries.append(
            ChildDeliveries.Entry(sequence: sequence, link: link, packetID: packetID))
    }

    /// A message has left a session's line: the client has acknowledged it, or it was dropped.
    @inline(__always)
    mutating func leftLine(
        _ session: UInt32, _ sequence: UInt64, in context: inout ShardContext
    ) {
        storeGone(session, sequence)
        if !context.children.isEmpty { leftParentsLine(session, sequence, in: &context) }
    }

    @inline(never)
    private func leftParentsLine(
        _ session: UInt32, _ sequence: UInt64, in context: inout ShardContext
    ) {
        guard let parent = sessions[slot: session].connection, context.wire.contains(parent),
            !context.wire[parent.slot].children.isEmpty
        else { return }
        context.children.noteRoom(of: parent)
        guard let entry = context.wire[parent.slot].childDeliveries.take(sequence) else { return }
        answerChild(entry.link, entry.packetID, in: &context)
    }

    /// A message of a session will not be in its line after all: there may be room for one that a child of its client's is
    /// held with.
    func noteRoom(_ session: UInt32, in context: inout ShardContext) {
        guard !context.children.isEmpty, let parent = sessions[slot: session].connection else {
            return
        }
        context.children.noteRoom(of: parent)
    }

    // MARK: The end

    /// The child's connection has ended, or never was one: the parent is told, also of what it has published since.
    private mutating func endLink(_ token: Token, in context: inout ShardContext) {
        let slot = token.slot
        let parent = context.children[slot].parent
        let words = context.children[slot].names + ","
        // An end that was not asked for is told without an id.
        let requests = context.children[slot].requests
        let phase = context.children[slot].phase
        let reason =
            context.children[slot].ending ?? (phase == .detaching ? .disconnected : .connectionLost)
        let unanswered = context.children[slot].unanswered
        let isReplaced = context.children[slot].isReplaced
        context.dropLink(token)
        mayServeHeldPublishers()
        guard context.wire.contains(parent), context.wire[parent.slot].phase == .open else {
            return
        }
        let isRejected =
            (phase == .connecting || phase == .subscribing) && reason != .disconnected
        for request in isReplaced || !requests.isEmpty ? requests : [""] {
            notify(
                parent.slot, isRejected ? "children/rejected" : "children/detached",
                "{\(Self.call(request))\(words)\(Self.words(of: reason))}", in: &context)
        }
        for packetID in unanswered {
            decided(parent, packetID, .refused(.topicNotAllowed), in: &context)
        }
    }
}

extension Reason {
    /// The reason that a packet of the gateway's own names by its code and its text.
    fileprivate init(told code: ReasonCode, _ text: Span<UInt8>?) {
        let text = text?.text
        self =
            Reason.allCases.first { $0.reasonCode == code && $0.text == text }
            ?? .connectionLost
    }
}
