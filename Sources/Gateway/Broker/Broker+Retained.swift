import Bytes
import MQTT
import Reactor
import Sessions
import Storage

/// A SUBSCRIBE's wish for what is retained.
struct RetainedRequest: Sendable {
    let session: Token
    let subscription: StoredSubscription

    /// Where the next page begins.
    var cursor: RetainedCursor?

    /// It waits for writes that were under way when it came.
    var isWaiting = false
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
            context.commons.retained.put(kept, at: context.now.wall) { _ in }
            return false
        }
        context.commons.retained.put(kept, at: context.now.wall) { outcome in
            mailbox.post(.confirmed(token, packetID: packetID, count: 1, outcome))
        }
        return true
    }

    /// Begins to hand out what is retained for new subscriptions ([MQTT-3.3.1-9] to
    /// [MQTT-3.3.1-11]); those of shares get nothing (4.8.2).
    mutating func handOutRetained(
        _ session: Token, _ wishes: [StoredSubscription], in context: inout ShardContext
    ) {
        guard !wishes.isEmpty else { return }
        let isBusy = context.commons.retained.isBusy
        for subscription in wishes {
            retainedRequests.append(
                RetainedRequest(session: session, subscription: subscription, isWaiting: isBusy))
        }
        guard isBusy else { return }
        let mailbox = context.commons.mailboxes[context.index]
        context.commons.retained.wait { mailbox.post(.retainedWritten(session)) }
    }

    /// What was being written when the session subscribed is on disk.
    mutating func retainedWritten(_ session: Token) {
        for position in retainedRequests.indices
        where retainedRequests[position].session == session {
            retainedRequests[position].isWaiting = false
        }
    }

    /// One page for each request a turn, so that a million retained messages hold up nobody.
    mutating func serveRetainedRequests(in context: inout ShardContext) {
        guard !retainedRequests.isEmpty else { return }
        var requests: [RetainedRequest] = []
        swap(&requests, &retainedRequests)
        for request in requests {
            if let rest = run(request, in: &context) { retainedRequests.append(rest) }
        }
    }

    /// Whether some request can go on at once.
    mutating func hasRetainedRequests(in context: inout ShardContext) -> Bool {
        retainedRequests.contains { request in
            !request.isWaiting && sessions.contains(request.session)
                && hasRoomForPage(request.session.slot, in: &context)
        }
    }

    /// Whether a page would not be dropped for want of room.
    private func hasRoomForPage(_ session: UInt32, in context: inout ShardContext) -> Bool {
        guard let slot = openConnection(of: session, in: &context) else { return false }
        return context.wire.connections[slot: slot].waitingBytes < context.commons.limits.queueBytes
            / 2
            && sessions[slot: session].queue.keptCount < context.commons.limits.queueMessages / 2
    }

    /// Hands out one page; answers what is left to do.
    private mutating func run(_ request: RetainedRequest, in context: inout ShardContext)
        -> RetainedRequest?
    {
        guard sessions.contains(request.session),
            openConnection(of: request.session.slot, in: &context) != nil
        else { return nil }
        guard !request.isWaiting, hasRoomForPage(request.session.slot, in: &context) else {
            return request
        }
        let limits = RetainedPageLimits(
            messages: max(1, min(100, context.commons.limits.queueMessages / 2)),
            bytes: context.commons.limits.queueBytes / 2,
            steps: 1_000
        )
        let retained = context.commons.retained.messages
        let filter = request.subscription.filter
        let now = context.now.wall
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
        let identifiers = request.subscription.identifier.map { [$0] } ?? []
        for message in page.messages {
            let terms = DeliveryTerms(
                qos: min(message.qos, request.subscription.options.qos),
                isRetained: true,
                subscriptionIdentifiers: identifiers
            )
            var shared: Message? = message
            message.withOutbound(isRetained: true) { outbound in
                _ = deliver(request.session, outbound, terms, sharing: &shared, in: &context)
            }
        }
        guard let next = page.next else { return nil }
        var rest = request
        rest.cursor = next
        return rest
    }
}
