import Courier
import Processes
import Testing
import Time

@testable import Admin
@testable import Ledger

/// What is sent to a webhook when, without a process that sends.
@Suite("Lines of webhooks", .serves)
struct WebhookLineTests {
    private let id = WebhookID("wh1")!
    private let schedule = RetrySchedule.standard

    private func webhook(
        url: String = "https://example.org/a", sequence: UInt64 = 0, failures: UInt32 = 0,
        retryAt: Timestamp? = nil
    ) throws -> Webhook {
        let record = WebhookRecord(
            NewWebhook(
                id: id, name: "W", account: nil, url: try #require(WebhookURL(url)), kinds: [],
                secret: try #require(SealedSecret([1, 2, 3]))),
            createdAt: time(0))
        var progress = WebhookProgressRecord(sequence: sequence)
        progress.failures = failures
        progress.retryAt = retryAt
        return Webhook(id: id, record: record, progress: progress)
    }

    private func time(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1_000) }

    /// A line before which events 1 to 3 are.
    private func line() throws -> WebhookLine {
        var line = WebhookLine(try webhook())
        let scope = EventScope(account: nil, parent: nil)
        line.look(
            at: (1...3 as ClosedRange<UInt64>).map { sequence in
                let change = Change.accounts(.certified(AccountID("acme")!))
                return (
                    Event(sequence: sequence, at: time(0), actor: "a", change: change), scope
                )
            })
        return line
    }

    private func answer(_ status: UInt32, retryAfter seconds: UInt32 = 0) -> CourierOutcome {
        CourierOutcome(
            number: 1, status: status, milliseconds: 1, error: "", retryAfterSeconds: seconds)
    }

    @Test("one event is under way at a time, and the next one when it was taken")
    func order() throws {
        var line = try line()
        let firstNext = line.next(at: time(0), as: 1)
        let first = try #require(firstNext)
        let isBusy = line.next(at: time(0), as: 2) == nil
        #expect(first.sequence == 1 && isBusy)
        let verdict = line.take(
            answer(204), of: first, as: 1, sentAt: time(0), now: time(1), schedule, jitter: 0)
        let second = line.next(at: time(1), as: 2)
        #expect(verdict == .delivered && second?.sequence == 2)
    }

    @Test(
        "Retry-After of 429 and 503 puts the next attempt off, never forward, and a day at most",
        arguments: [
            (503, 60, 60), (429, 60, 60), (429, 1, 4), (503, 1_000_000, 86_400), (500, 60, 4),
            (302, 60, 4),
        ] as [(UInt32, UInt32, Int64)])
    func retryAfter(status: UInt32, asked: UInt32, pause: Int64) throws {
        var line = try line()
        let messageNext = line.next(at: time(0), as: 1)
        let message = try #require(messageNext)
        let verdict = line.take(
            answer(status, retryAfter: asked), of: message, as: 1, sentAt: time(0), now: time(0),
            schedule, jitter: 0)
        // The schedule's own first pause is 5 seconds, a tenth less here.
        let expected = pause == 4 ? time(0).adding(milliseconds: 4_500) : time(pause)
        #expect(verdict == .failed(retryAt: expected))
    }

    @Test("what the gateway could not send is none of the receiver's attempts, and never given up")
    func unsent() throws {
        var line = try line()
        for round in 0..<20 {
            let now = time(Int64(round) * 60)
            let messageNext = line.next(at: now, as: UInt64(round))
            let message = try #require(messageNext)
            let verdict = line.take(
                .unsent(0, "no courier"), of: message, as: UInt64(round), sentAt: now, now: now,
                schedule, jitter: 0)
            let isTooSoon = line.next(at: now, as: 99) == nil
            #expect(verdict == .unsent && isTooSoon)
        }
        #expect(line.failures == 0 && line.sequence == 0)
    }

    @Test(
        "attempts that the books did not take are told again; those that they may take late are not",
        arguments: [false, true])
    func untaken(mayComeStill: Bool) throws {
        var line = try line()
        let messageNext = line.next(at: time(0), as: 1)
        let message = try #require(messageNext)
        _ = line.take(
            answer(204), of: message, as: 1, sentAt: time(0), now: time(1), schedule, jitter: 0)
        let reported = line.report(isLast: false)
        let report = try #require(reported)
        let isSilent = line.report(isLast: false) == nil
        #expect(report.attempts.count == 1 && isSilent)
        line.restore(report, mayComeStill: mayComeStill)
        let again = line.report(isLast: false)
        #expect(again?.attempts.count == (mayComeStill ? 0 : 1))
        #expect(again?.sequence == report.sequence)
    }

    @Test("an answer to a request of before, of a webhook that was off meanwhile, is not taken")
    func late() throws {
        var (before, after) = (try line(), try line())
        let messageNext = before.next(at: time(0), as: 1)
        let message = try #require(messageNext)
        _ = after.next(at: time(0), as: 2)
        let verdict = after.take(
            answer(204), of: message, as: 1, sentAt: time(0), now: time(1), schedule, jitter: 0)
        let isBusy = after.next(at: time(1), as: 3) == nil
        #expect(verdict == nil && isBusy && after.sequence == 0)
    }

    @Test("410 of a URL that it has no more does not switch it off; of the present one it does")
    func gone() throws {
        var line = try line()
        let firstNext = line.next(at: time(0), as: 1)
        let first = try #require(firstNext)
        line.adopt(try webhook(url: "https://example.org/b"))
        var verdict = line.take(
            answer(410), of: first, as: 1, sentAt: time(0), now: time(1), schedule, jitter: 0)
        #expect(verdict == nil)
        let againNext = line.next(at: time(1), as: 2)
        let again = try #require(againNext)
        verdict = line.take(
            answer(410), of: again, as: 2, sentAt: time(1), now: time(2), schedule, jitter: 0)
        let isTooSoon = line.next(at: time(2), as: 3) == nil
        #expect(verdict == .gone && isTooSoon)
    }

    @Test("an event that is no longer wanted is not kept because one before it is under way")
    func unwanted() throws {
        var line = try line()
        _ = line.next(at: time(0), as: 1)
        line.adopt(try webhook(url: "https://example.org/b", sequence: 2))
        #expect(line.waiting.isEmpty && line.scanned == 2)
    }

    @Test(
        "what has failed is tried at once when somebody has seen to it, though nothing was changed")
    func reset() throws {
        var line = try line()
        let firstNext = line.next(at: time(0), as: 1)
        let first = try #require(firstNext)
        _ = line.take(
            answer(500), of: first, as: 1, sentAt: time(0), now: time(1), schedule, jitter: 0)
        let report = line.report(isLast: false)
        #expect(report?.failures == 1)
        line.adopt(try webhook(failures: 1, retryAt: line.retryAt))
        let isTooSoon = line.next(at: time(2), as: 2) == nil
        line.adopt(try webhook())
        let message = line.next(at: time(2), as: 3)
        #expect(isTooSoon && message?.sequence == 1)
    }

    @Test(
        "a report is as large as a cluster's log takes: of 1,000 webhooks with all their attempts")
    func parts() {
        let attempt = WebhookAttempt(
            cause: .event, sequence: 1, at: time(0), number: 1, status: 0, milliseconds: 1,
            error: String(repeating: "e", count: WebhookAttempt.errorMaximumLength), nextAt: nil)
        let reports = (0..<1_000).map { number in
            WebhookReport(
                id: WebhookID("wh\(number)")!, sequence: 1, failures: 1, retryAt: nil,
                attempts: [WebhookAttempt](
                    repeating: attempt, count: Books.webhookAttemptsMaximum))
        }
        let parts = WebhookDispatcher.parts(of: reports)
        #expect(parts.flatMap(\.self) == reports)
        #expect(parts.allSatisfy { $0.reduce(0) { $0 + $1.attempts.count } <= 1_000 })
        #expect(1_000 * (WebhookAttempt.errorMaximumLength + 64) < 512 * 1_024)
    }
}
