import Courier
import Ledger
import Time

/// The events on their way to one webhook, one behind the other: what is sent next, and when. It reads no clock and
/// sends nothing itself.
struct WebhookLine: Sendable {
    let id: WebhookID
    private(set) var record: WebhookRecord

    /// Of the last event that is done with.
    private(set) var sequence: UInt64

    /// Of the last event of the log that was looked at: those up to it that are wanted wait.
    private(set) var scanned: UInt64
    private(set) var waiting: [WebhookMessage] = []
    private(set) var failures: UInt32
    private(set) var retryAt: Timestamp?

    /// The request that is under way, its event, and where it goes.
    private var sending: (number: UInt64, sequence: UInt64, url: WebhookURL)?

    /// What was not reported yet.
    private var attempts: [WebhookAttempt] = []
    private var reportedSequence: UInt64
    private var isReported = true

    /// Of events that wait, in memory; the others wait in the log.
    private static let waitingMaximum = 16

    /// How many events that are not wanted may lie behind the last report.
    private static let unreportedMaximum: UInt64 = 1_000

    /// What became of an attempt.
    enum Verdict: Equatable, Sendable {
        case delivered
        case failed(retryAt: Timestamp)

        /// It was tried as often as it may be: it goes no further, and the next one does.
        case givenUp

        /// The receiver wants no more (410): the webhook is switched off.
        case gone

        /// The gateway could not send: no fault of the receiver's, and not one of its attempts.
        case unsent
    }

    /// Until the gateway tries again what it could not do, in milliseconds: to send, or to switch a webhook off.
    private static let ownPause: Int64 = 30_000

    init(_ webhook: Webhook) {
        id = webhook.id
        record = webhook.record
        sequence = webhook.progress.sequence
        scanned = webhook.progress.sequence
        failures = webhook.progress.failures
        retryAt = webhook.progress.retryAt
        reportedSequence = webhook.progress.sequence
    }

    /// Takes over what the books say now: events may have been passed over, or sent by another node, and somebody may
    /// have changed the webhook, so that what failed is tried anew.
    mutating func adopt(_ webhook: Webhook) {
        let hasMoved = webhook.progress.sequence > sequence
        if hasMoved {
            sequence = webhook.progress.sequence
            reportedSequence = max(reportedSequence, sequence)
            waiting.removeAll { $0.sequence <= sequence }
            scanned = max(scanned, sequence)
        }
        if webhook.record != record {
            // Other events may be wanted.
            waiting.removeAll { $0.sequence != sending?.sequence }
            scanned = waiting.last?.sequence ?? sequence
        }
        let isReset = isReported && webhook.progress.failures == 0 && failures > 0
        if hasMoved || isReset || webhook.record != record {
            failures = webhook.progress.failures
            retryAt = webhook.progress.retryAt
        }
        record = webhook.record
    }

    var hasRoom: Bool { waiting.count < Self.waitingMaximum }

    /// Takes the events behind `scanned`, in order: at most as many as there is room for.
    mutating func look(at events: [(event: Event, scope: EventScope)]) {
        for (event, scope) in events where event.sequence > scanned {
            guard hasRoom else { return }
            scanned = event.sequence
            let isSeen = record.account.map { scope.isSeen(by: $0) } ?? true
            if isSeen, record.wants(event.change.name) {
                waiting.append(WebhookMessage(event, for: id))
            }
        }
        if waiting.isEmpty { sequence = max(sequence, scanned) }
    }

    /// What is to be sent now, if anything; it is under way then.
    ///
    /// - Parameter number: of the request, which no other has, of this line or another of the webhook's.
    mutating func next(at now: Timestamp, as number: UInt64) -> WebhookMessage? {
        guard sending == nil, let first = waiting.first, retryAt.map({ $0 <= now }) ?? true else {
            return nil
        }
        sending = (number, first.sequence, record.url)
        return first
    }

    /// What became of the request of that number; `nil` when it is not the one that is under way.
    mutating func take(
        _ outcome: CourierOutcome, of message: WebhookMessage, as request: UInt64,
        sentAt: Timestamp, now: Timestamp, _ schedule: RetrySchedule, jitter: Double
    ) -> Verdict? {
        guard let sent = sending, sent.number == request else { return nil }
        sending = nil
        if outcome.isUnsent {
            retryAt = now.adding(milliseconds: Self.ownPause)
            return .unsent
        }
        // It was said where nothing goes any more.
        if outcome.status == 410, sent.url != record.url { return nil }
        let isFirst = waiting.first?.sequence == message.sequence
        let number = isFirst ? failures + 1 : 1
        let verdict = Self.verdict(on: outcome, failures: number, at: now, schedule, jitter)
        var next: Timestamp?
        switch verdict {
        case .delivered, .givenUp: if isFirst { finish() }
        case .failed(let time):
            next = time
            if isFirst {
                failures = number
                retryAt = time
            }
        // It stays the first, for when somebody switches the webhook on again.
        case .gone: retryAt = now.adding(milliseconds: Self.ownPause)
        case .unsent: break
        }
        attempts.append(
            WebhookAttempt(
                cause: .event, outcome, sequence: message.sequence, at: sentAt, number: number,
                isGivenUp: verdict == .givenUp, nextAt: next))
        if attempts.count > Books.webhookAttemptsMaximum { attempts.removeFirst() }
        isReported = false
        return verdict
    }

    private mutating func finish() {
        sequence = waiting.removeFirst().sequence
        if waiting.isEmpty { sequence = max(sequence, scanned) }
        failures = 0
        retryAt = nil
    }

    private static func verdict(
        on outcome: CourierOutcome, failures: UInt32, at now: Timestamp,
        _ schedule: RetrySchedule, _ jitter: Double
    ) -> Verdict {
        if outcome.isDelivered { return .delivered }
        if outcome.status == 410 { return .gone }
        guard
            let pause = schedule.pause(
                afterFailures: failures, jitter: jitter, asked: outcome.pauseAsked)
        else { return .givenUp }
        return .failed(retryAt: now.adding(milliseconds: pause))
    }

    /// What the books are to be told; `nil`: nothing that matters. It counts as told.
    ///
    /// - Parameter isLast: whether there will be no other report.
    mutating func report(isLast: Bool) -> WebhookReport? {
        let isBehind = sequence >= reportedSequence + Self.unreportedMaximum
        guard !isReported || isBehind || (isLast && sequence > reportedSequence) else { return nil }
        defer {
            attempts = []
            isReported = true
            reportedSequence = sequence
        }
        return WebhookReport(
            id: id, sequence: sequence, failures: failures, retryAt: retryAt, attempts: attempts)
    }

    /// The books could not take the report: it is to be told again.
    ///
    /// - Parameter mayComeStill: the books may take it late. Its attempts are not told again then, which would list them
    ///   twice; how far the webhook is, is.
    mutating func restore(_ report: WebhookReport, mayComeStill: Bool) {
        if !mayComeStill {
            attempts = Array((report.attempts + attempts).suffix(Books.webhookAttemptsMaximum))
        }
        isReported = false
    }
}

extension CourierOutcome {
    /// Only what begins with 2 is an acknowledgement; a redirect is none.
    var isDelivered: Bool { (200...299).contains(status) }

    /// How long the receiver asks to be left alone, in seconds: 429 and 503 say so (RFC 6585, section 4; RFC 9110,
    /// section 15.6.4).
    fileprivate var pauseAsked: Int64 {
        status == 429 || status == 503 ? Int64(retryAfterSeconds) : 0
    }

    /// Why it was not delivered, for people; `nil` when it was.
    fileprivate func failure(isGivenUp: Bool) -> String? {
        if isDelivered { return nil }
        let last = isGivenUp ? "; it is not tried again" : ""
        switch status {
        case 0: return error + last
        case 410: return "the receiver wants no more: the webhook is off"
        case 300...399: return "a redirect is not followed" + last
        default: return "the receiver answered \(status)" + last
        }
    }
}

extension WebhookAttempt {
    init(
        cause: Cause, _ outcome: CourierOutcome, sequence: UInt64, at time: Timestamp,
        number: UInt32, isGivenUp: Bool = false, nextAt: Timestamp? = nil
    ) {
        self.init(
            cause: cause, sequence: sequence, at: time, number: number, status: outcome.status,
            milliseconds: outcome.milliseconds,
            error: outcome.failure(isGivenUp: isGivenUp)?.printable(), nextAt: nextAt)
    }
}
