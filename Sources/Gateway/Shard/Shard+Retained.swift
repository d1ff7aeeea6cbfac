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
extension Shard {
    /// Keeps a message that was published with the RETAIN flag, or deletes its topic's. Whoever waits for
    /// an acknowledgement is told when that is on disk: then true.
    mutating func retain(
        _ message: borrowing OutboundMessage,
        for sender: DownlinkSender,
        sharing shared: inout Message?
    ) -> Bool {
        let kept = Self.shared(message, &shared)
        let mailbox = commons.mailboxes[index]
        guard case .confirmation(_, let token, let packetID) = sender else {
            commons.retained.put(kept, at: clock.wall) { _ in }
            return false
        }
        commons.retained.put(kept, at: clock.wall) { outcome in
            mailbox.post(.confirmed(token, packetID: packetID, count: 1, outcome))
        }
        return true
    }

    /// Begins to hand out what is retained for new subscriptions ([MQTT-3.3.1-9] to
    /// [MQTT-3.3.1-11]); those of shares get nothing (4.8.2).
    mutating func handOutRetained(_ session: Token, _ wishes: [StoredSubscription]) {
        guard !wishes.isEmpty else { return }
        let isBusy = commons.retained.isBusy
        for subscription in wishes {
            retainedRequests.append(
                RetainedRequest(session: session, subscription: subscription, isWaiting: isBusy))
        }
        guard isBusy else { return }
        let mailbox = commons.mailboxes[index]
        commons.retained.wait { mailbox.post(.retainedWritten(session)) }
    }

    /// What was being written when the session subscribed is on disk.
    mutating func retainedWritten(_ session: Token) {
        for index in retainedRequests.indices where retainedRequests[index].session == session {
            retainedRequests[index].isWaiting = false
        }
    }

    /// One page for each errand a turn, so that a million retained messages hold up nobody.
    mutating func serveRetainedRequests() {
        guard !retainedRequests.isEmpty else { return }
        var errands: [RetainedRequest] = []
        swap(&errands, &retainedRequests)
        for errand in errands {
            if let rest = run(errand) { retainedRequests.append(rest) }
        }
    }

    /// Whether some errand can go on at once.
    var hasRetainedRequests: Bool {
        retainedRequests.contains { errand in
            !errand.isWaiting && sessions.contains(errand.session)
                && hasRoomForPage(errand.session.slot)
        }
    }

    /// Whether a page would not be dropped for want of room.
    private func hasRoomForPage(_ session: UInt32) -> Bool {
        guard let slot = openConnection(of: session) else { return false }
        return connections[slot: slot].waitingBytes < commons.limits.queueBytes / 2
            && sessions[slot: session].queue.keptCount < commons.limits.queueMessages / 2
    }

    /// Hands out one page; answers what is left to do.
    private mutating func run(_ errand: RetainedRequest) -> RetainedRequest? {
        guard sessions.contains(errand.session),
            openConnection(of: errand.session.slot) != nil
        else { return nil }
        guard !errand.isWaiting, hasRoomForPage(errand.session.slot) else { return errand }
        let limits = RetainedPageLimits(
            messages: max(1, min(100, commons.limits.queueMessages / 2)),
            bytes: commons.limits.queueBytes / 2,
            steps: 1_000
        )
        let retained = commons.retained.messages
        let filter = errand.subscription.filter
        let now = clock.wall
        let page: RetainedPage
        do throws(StoreError) {
            page = try retainedReader.withTransaction { (transaction) throws(StoreError) in
                try retained.page(
                    matching: filter.span,
                    from: errand.cursor,
                    limits: limits,
                    now: now,
                    in: transaction
                )
            }
        } catch {
            counters.add(.retainedReadsFailed)
            noteStoreFailure(.retainedRead, error)
            return nil
        }
        let identifiers = errand.subscription.identifier.map { [$0] } ?? []
        for message in page.messages {
            let terms = DeliveryTerms(
                qos: min(message.qos, errand.subscription.options.qos),
                isRetained: true,
                subscriptionIdentifiers: identifiers
            )
            var shared: Message? = message
            message.withOutbound(isRetained: true) { outbound in
                _ = deliver(errand.session, outbound, terms, sharing: &shared)
            }
        }
        guard let next = page.next else { return nil }
        var rest = errand
        rest.cursor = next
        return rest
    }
}
