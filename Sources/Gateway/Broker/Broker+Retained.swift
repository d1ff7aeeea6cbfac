import Bytes
import MQTT
import Reactor
import Sessions
import Storage

/// A SUBSCRIBE's wish for what is retained.
///
/// It is answered with what is retained when the subscription begins. What is published from then on comes
/// live, and may be found by the look-up as well, which is later: of such a topic nothing is handed out.
struct RetainedRequest: Sendable {
    enum Step {
        /// The filter is not known everywhere yet.
        case announced(Confirmation)

        /// Writes were under way when it was.
        case writing

        /// The next page can be read.
        case ready

        /// A page has been read. Other shards may have sent on live what is in it: it is handed out when
        /// that must have come.
        case read([Message], pass: UInt64)
    }

    let session: Token
    var subscription: StoredSubscription

    /// The number of the last write when the session subscribed: what is older comes by this way only.
    let askedAt: UInt64
    var step: Step

    /// Where the next page begins.
    var cursor: RetainedCursor?

    /// Topics of which something newer has come live since it subscribed.
    var overtaken: Set<[UInt8]> = []
}

/// The other shards, of this node and of the others, that have yet to say that all that they had sent before has come.
struct Pass {
    let number: UInt64
    var outstanding: Int

    /// When a node that stands still is waited for no more.
    let untilTick: UInt64

    /// In milliseconds: some hundred times what a node takes to answer.
    static let patienceMilliseconds: Int64 = 2_000
}

// Retained messages: kept when they are published, handed out at SUBSCRIBE (3.3.1.3).
extension Broker {
    /// Keeps a message that was published with the RETAIN flag, or deletes its topic's. True when
    /// `sender` is told once that is on disk.
    mutating func retain(
        _ message: borrowing OutboundMessage,
        for sender: DownlinkSender,
        sharing shared: inout Message?, in context: inout ShardContext
    ) -> Bool {
        let kept = Self.shared(message, &shared)
        let mailbox = context.commons.mailboxes[context.index]
        guard case .confirmation(_, let token, let packetID) = sender else {
            context.commons.retained.put(kept, at: context.now.books) { _ in }
            return false
        }
        context.commons.retained.put(kept, at: context.now.books) { outcome in
            mailbox.post(.confirmed(token, packetID: packetID, count: 1, outcome))
        }
        return true
    }

    // MARK: Asking

    /// A session has asked for what is retained, and its filters begin to be known ([MQTT-3.3.1-9] to
    /// [MQTT-3.3.1-11]); those of shares get nothing (4.8.2).
    mutating func askForRetained(
        _ session: Token,
        _ wishes: [StoredSubscription],
        at askedAt: UInt64,
        _ step: RetainedRequest.Step
    ) {
        for subscription in wishes {
            forgetRetained(session, subscription.filter)
            retainedRequests.append(
                RetainedRequest(
                    session: session, subscription: subscription, askedAt: askedAt, step: step))
        }
    }

    /// The filter has been unsubscribed from, or is asked for anew: what has not been handed out for it is
    /// not any more ([MQTT-3.10.4-2]).
    mutating func forgetRetained(_ session: Token, _ filter: [UInt8]) {
        retainedRequests.removeAll {
            $0.session == session && $0.subscription.filter == filter
        }
    }

    /// The filter's subscription has been replaced by one that asks for nothing: what is on its way comes
    /// as that one says, as none may be lost by it ([MQTT-3.8.4-3]).
    mutating func updateRetained(_ session: Token, _ subscription: StoredSubscription) {
        for position in retainedRequests.indices
        where retainedRequests[position].session == session
            && retainedRequests[position].subscription.filter == subscription.filter
        {
            retainedRequests[position].subscription = subscription
        }
    }

    /// All shards know the filters: what was published before is on disk, or about to be.
    mutating func handOutRetained(
        _ session: Token, announced confirmation: Confirmation, in context: inout ShardContext
    ) {
        let isBusy = context.commons.retained.isBusy
        var isAwaited = false
        for position in retainedRequests.indices {
            guard case .announced(confirmation) = retainedRequests[position].step else { continue }
            retainedRequests[position].step = isBusy ? .writing : .ready
            isAwaited = isBusy
        }
        if isAwaited { awaitRetainedWrites(session, in: &context) }
    }

    /// The same for filters that need not be told to anybody.
    mutating func handOutRetained(
        _ session: Token,
        _ wishes: [StoredSubscription],
        at askedAt: UInt64, in context: inout ShardContext
    ) {
        guard !wishes.isEmpty else { return }
        let isBusy = context.commons.retained.isBusy
        askForRetained(session, wishes, at: askedAt, isBusy ? .writing : .ready)
        if isBusy { awaitRetainedWrites(session, in: &context) }
    }

    private func awaitRetainedWrites(_ session: Token, in context: inout ShardContext) {
        let mailbox = context.commons.mailboxes[context.index]
        context.commons.retained.wait { mailbox.post(.retainedWritten(session)) }
    }

    /// What was being written when the session subscribed is on disk.
    mutating func retainedWritten(_ session: Token) {
        for position in retainedRequests.indices
        where retainedRequests[position].session == session {
            guard case .writing = retainedRequests[position].step else { continue }
            retainedRequests[position].step = .ready
        }
    }

    // MARK: What comes live meanwhile

    /// A message that is being retained goes to a session live: nothing older of its topic follows it, and
    /// it does not come twice.
    mutating func noteOvertaken(_ session: Token, _ topic: Span<UInt8>) {
        for position in retainedRequests.indices
        where retainedRequests[position].session == session {
            let filter = retainedRequests[position].subscription.filter
            guard TopicFilter.matches(filter: filter.span, topic: topic) else { continue }
            retainedRequests[position].overtaken.insert(topic.bytesArray)
        }
    }

    /// Another shard wants to know when all that this one has sent it has come.
    func answerPass(_ number: UInt64, to shard: Int, in context: inout ShardContext) {
        context.outgoing[shard].append(.passed(number))
    }

    /// All that another shard had sent before it was asked has come.
    mutating func passed(_ number: UInt64) {
        guard let known = passes.firstIndex(where: { $0.number == number }) else { return }
        passes[known].outstanding -= 1
        if passes[known].outstanding == 0 { passes.remove(at: known) }
    }

    private func hasPassed(_ number: UInt64, at tick: UInt64) -> Bool {
        !passes.contains { $0.number == number && $0.untilTick > tick }
    }

    // MARK: Handing out

    /// One page for each request a turn, so that a million retained messages hold up nobody.
    mutating func serveRetainedRequests(in context: inout ShardContext) {
        guard !retainedRequests.isEmpty else { return }
        var requests: [RetainedRequest] = []
        swap(&requests, &retainedRequests)
        let tick = context.now.tick
        passes.removeAll { $0.untilTick <= tick }
        var pass = Pass(
            number: lastPass + 1, outstanding: context.outgoing.count - 1,
            untilTick: tick + ShardTime.ticks(milliseconds: Pass.patienceMilliseconds))
        var isAsked = false
        for request in requests {
            guard let rest = run(request, pass: pass.number, in: &context) else { continue }
            if case .read(_, pass.number) = rest.step { isAsked = true }
            retainedRequests.append(rest)
        }
        guard isAsked else { return }
        lastPass = pass.number
        pass.outstanding += askNodesToPass(pass.number, in: &context)
        guard pass.outstanding > 0 else { return }
        passes.append(pass)
        context.tellOthers(.pass(pass.number, from: context.index))
    }

    /// The same of all shards of other nodes; answers how many there are. One that is lost has sent all that it ever will.
    private func askNodesToPass(_ number: UInt64, in context: inout ShardContext) -> Int {
        let mailbox = context.commons.mailboxes[context.index]
        var count = 0
        for node in context.peers.reachable {
            for shard in 0..<context.peers.shards(of: node) {
                let request = context.peers.request(
                    node, for: .question { _ in mailbox.post(.passed(number)) })
                context.peers.send(
                    .ask(.pass, request), to: node, shard: shard, at: context.now.books)
                count += 1
            }
        }
        return count
    }

    /// Whether some request can go on at once.
    mutating func hasRetainedRequests(in context: inout ShardContext) -> Bool {
        retainedRequests.contains { request in
            let isDue =
                switch request.step {
                case .announced, .writing: false
                case .ready: true
                case .read(_, let pass): hasPassed(pass, at: context.now.tick)
                }
            return isDue && sessions.contains(request.session)
                && hasRoomForPage(request.session.slot, in: &context)
        }
    }

    /// Whether a page would not be dropped for want of room.
    private func hasRoomForPage(_ session: UInt32, in context: inout ShardContext) -> Bool {
        guard let slot = openConnection(of: session, in: &context) else { return false }
        return context.wire[slot].waitingBytes < context.commons.limits.queueBytes
            / 2
            && sessions[slot: session].queue.keptCount < context.commons.limits.queueMessages / 2
    }

    /// Takes a request one step further; answers what is left to do. `pass`: the number of this turn's.
    private mutating func run(
        _ request: RetainedRequest, pass: UInt64, in context: inout ShardContext
    ) -> RetainedRequest? {
        guard sessions.contains(request.session),
            openConnection(of: request.session.slot, in: &context) != nil
        else { return nil }
        switch request.step {
        case .announced, .writing: return request
        case .ready:
            guard hasRoomForPage(request.session.slot, in: &context) else { return request }
            return read(request, pass: pass, in: &context)
        case .read(let messages, let pass):
            guard hasPassed(pass, at: context.now.tick),
                hasRoomForPage(request.session.slot, in: &context)
            else {
                return request
            }
            return handOut(messages, of: request, in: &context)
        }
    }

    /// Reads a page, and hands it out if nothing in it can be newer than the request.
    private mutating func read(
        _ request: RetainedRequest, pass: UInt64, in context: inout ShardContext
    ) -> RetainedRequest? {
        let limits = RetainedPageLimits(
            messages: max(1, min(100, context.commons.limits.queueMessages / 2)),
            bytes: context.commons.limits.queueBytes / 2,
            steps: 1_000
        )
        let retained = context.commons.retained.messages
        let filter = request.subscription.filter
        let now = context.now.books
        let page: RetainedPage
        do throws(StoreError) {
            page = try retainedReader.withTransaction { (transaction) throws(StoreError) in
                try retained.page(
                    matching: filter.span,
                    from: request.cursor,
                    limits: limits,
                    now: now,
                    in: transaction
                )
            }
        } catch {
            context.counters.add(.retainedReadsFailed)
            context.wire.journal.noteStoreFailure(.retainedRead, error)
            return nil
        }
        var rest = request
        rest.cursor = page.next
        let mayBeNewer =
            (context.outgoing.count > 1 || !context.peers.reachable.isEmpty)
            && context.commons.retained.lastWrite != request.askedAt
        guard mayBeNewer, !page.messages.isEmpty else {
            return handOut(page.messages, of: rest, in: &context)
        }
        rest.step = .read(page.messages, pass: pass)
        return rest
    }

    /// Hands out a page; answers what is left to do.
    private mutating func handOut(
        _ messages: [Message], of request: RetainedRequest, in context: inout ShardContext
    ) -> RetainedRequest? {
        let identifiers = request.subscription.identifier.map { [$0] } ?? []
        for message in messages where !request.overtaken.contains(message.topic) {
            let terms = DeliveryTerms(
                qos: min(message.qos, request.subscription.options.qos),
                isRetained: true,
                subscriptionIdentifiers: identifiers,
                isCounted: !wasHandedOut(message, to: request.session, in: &context)
            )
            var shared: Message? = message
            message.withOutbound(isRetained: true) { outbound in
                let outcome = deliver(
                    request.session, outbound, terms, sharing: &shared, in: &context)
                noteHandedOut(request.session, outbound, outcome, in: &context)
            }
        }
        guard request.cursor != nil else { return nil }
        var rest = request
        rest.step = .ready
        return rest
    }

    /// Whether a device has got this very message before, and it was counted (rule C2).
    private func wasHandedOut(
        _ message: Message, to session: Token, in context: inout ShardContext
    ) -> Bool {
        guard sessions.contains(session), sessions[slot: session.slot].productSlot != nil else {
            return false
        }
        let topic = message.topic
        let payload = message.payload
        let print = context.quota.handedOut.fingerprint(topic.span, payload.span)
        return context.quota.handedOut.contains(print)
    }
}
