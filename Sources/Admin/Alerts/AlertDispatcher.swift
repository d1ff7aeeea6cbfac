import Courier
import Gateway
import Ledger
import Linux
import Logging
import ServiceLifecycle
import Storage
import Synchronization
import Telemetry
import Time

/// Has the books look what has crossed a threshold, and hands their messages to the mail server, at least once each.
///
/// All that lasts is in the books. A message is begun there before it is sent, by one gateway, and what came of it is
/// written down behind that: after a crash in between it is sent again, with the same `Message-ID`, and says so.
actor AlertDispatcher {
    private let controlPlane: any ControlPlane
    private let configuration: GatewayConfiguration.SMTP
    private let webhooks: WebhookDispatcher
    private let schedule: RetrySchedule
    private let logger: Logger
    private let figures = Mutex(AlertCounts())

    /// What could not be written down yet.
    private var unreported: [NotificationReport] = []
    private var underWay = 0
    private var isStopping = false

    /// Behind failed attempts: nine within three days and a half.
    static let schedule = RetrySchedule(
        pauses: [60, 300, 1_800, 7_200, 21_600, 43_200, 86_400, 129_600])

    /// Between two looks.
    private static let lookMilliseconds = 200

    /// Events in one review, and products in one step of a sweep; of several nodes each takes up to so long before its
    /// review, and finds mostly that another was first.
    private static let reviewLimit: UInt32 = 1_000
    private static let sweepLimit: UInt32 = 50
    private static let hesitationMilliseconds = 1_000

    /// Between two looks at all products.
    static let sweepMilliseconds: Int64 = 3_600_000

    /// Messages under way at once.
    private static let underWayMaximum = 8

    /// How long messages under way are waited for when the gateway stops.
    private static let stopMilliseconds: Int64 = 3_000

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration.SMTP,
        webhooks: WebhookDispatcher,
        schedule: RetrySchedule = AlertDispatcher.schedule,
        logger: Logger
    ) {
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.webhooks = webhooks
        self.schedule = schedule
        self.logger = logger
    }

    /// Looks and sends until the task is cancelled, or the ledger is shut down.
    ///
    /// - Parameter node: this node of a cluster; `nil` of a gateway alone.
    func run(as node: NodeName?) async {
        let (wakes, wake) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        // Before the first look, so that no commit falls in between.
        let commits = controlPlane.ledger.commits()
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in commits { wake.yield() }
                wake.finish()
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: .seconds(1))
                    wake.yield()
                }
            }
            wake.yield()
            for await _ in wakes {
                if node != nil {
                    let hesitation = Int.random(in: 0..<Self.hesitationMilliseconds)
                    try? await Task.sleep(for: .milliseconds(hesitation))
                }
                await review()
                await report()
                await send()
                try? await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
            }
            group.cancelAll()
        }
        isStopping = true
        let end = MonotonicInstant.now().adding(milliseconds: Self.stopMilliseconds)
        while underWay > 0, MonotonicInstant.now() < end {
            // The task is cancelled: a sleep of its own would end at once.
            _ = await Task.detached { try? await Task.sleep(for: .milliseconds(20)) }.value
        }
        await report()
    }

    /// Has the books look at what is new, and now and then at everything.
    private func review() async {
        let now = controlPlane.now
        do throws(StoreError) {
            while try read({ books, transaction throws(StoreError) in
                try books.hasAlertsToReview(in: transaction)
            }), !Task.isCancelled {
                try await submit(.review(limit: Self.reviewLimit))
            }
            while try read({ books, transaction throws(StoreError) in
                try books.hasAlertsToSweep(
                    at: now, everyMilliseconds: Self.sweepMilliseconds, in: transaction)
            }), !Task.isCancelled {
                // By a doubted clock nothing is near its end (rule B16).
                guard try await submit(.sweep(limit: Self.sweepLimit)) else { return }
            }
        } catch {
            logger.warning("alerts wait: \(error)")
        }
    }

    /// Begins what is due.
    private func send() async {
        guard configuration.host != nil, !isStopping, unreported.isEmpty else { return }
        let (now, run) = (controlPlane.now, controlPlane.run)
        let room = Self.underWayMaximum - underWay
        guard room > 0 else { return }
        do throws(StoreError) {
            let due = try read { books, transaction throws(StoreError) in
                try books.dueNotifications(at: now, of: run, limit: room, in: transaction)
            }
            guard !due.isEmpty, try await submit(.begin(due, run: run)) else { return }
            let begun = try read { books, transaction throws(StoreError) in
                var found: [(AlertNotification, Alert)] = []
                for one in try books.begunNotifications(due, of: run, in: transaction) {
                    if let alert = try books.alert(one.record.alert, in: transaction) {
                        found.append((one, alert))
                    }
                }
                return found
            }
            underWay += begun.count
            for (notification, alert) in begun {
                Task { await send(notification, of: alert) }
            }
        } catch {
            logger.warning("mail about alerts waits: \(error)")
        }
    }

    private func send(_ notification: AlertNotification, of alert: Alert) async {
        var outcome = CourierOutcome.unsent(0, "smtp.from is no address")
        if let sender = configuration.from.flatMap(EmailAddress.init) {
            outcome = await send(AlertMail(notification, of: alert, from: sender), from: sender)
        }
        underWay -= 1
        unreported.append(verdict(on: outcome, notification))
        await report()
    }

    /// What becomes of a message: refused for good or too often it is given up; what the gateway could not do itself is
    /// no failure of the server's, and is tried again for ever.
    private func verdict(
        on outcome: CourierOutcome, _ notification: AlertNotification
    ) -> NotificationReport {
        let now = controlPlane.now
        var state = NotificationState.waiting
        var nextAt = now.adding(seconds: schedule.pauses.first ?? 60)
        if outcome.error.isEmpty {
            state = .sent
            figures.withLock { $0.sent += 1 }
        } else if outcome.isUnsent {
            figures.withLock { $0.unsent += 1 }
        } else {
            let pause = schedule.pause(
                afterFailures: notification.record.failures + 1,
                jitter: Double.random(in: 0...1))
            figures.withLock { $0.failed += 1 }
            if let pause, !outcome.isRefusedForGood {
                nextAt = now.adding(milliseconds: pause)
            } else {
                state = .givenUp
                figures.withLock { $0.givenUp += 1 }
                logger.warning(
                    "message \(notification.id) about alert \(notification.record.alert) was given up: \(outcome.words)"
                )
            }
        }
        return NotificationReport(
            id: notification.id, status: outcome.status, answer: outcome.words, state: state,
            nextAt: nextAt)
    }

    /// Writes down what came of messages.
    private func report() async {
        let reports = unreported
        guard !reports.isEmpty else { return }
        unreported = []
        do throws(StoreError) {
            try await submit(.report(reports, run: controlPlane.run))
        } catch {
            unreported = reports + unreported
            logger.warning("what came of mail about alerts can't be written down yet: \(error)")
        }
    }

    /// Whether it was carried out.
    @discardableResult
    private func submit(_ action: AlertAction) async throws(StoreError) -> Bool {
        let command = Command(
            at: controlPlane.now, actor: Command.gatewayActor, action: .alerts(action))
        return try await controlPlane.submit(command).effect != nil
    }

    private func read<Result>(
        _ body: (Books, borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws(StoreError) -> Result {
        try controlPlane.ledger.read(body)
    }
}

extension AlertDispatcher {
    /// Sends a test message now; what the server has said. `nil` without a mail server.
    func sendTest(to recipient: EmailAddress) async -> CourierOutcome? {
        guard configuration.host != nil,
            let sender = configuration.from.flatMap(EmailAddress.init)
        else { return nil }
        return await send(
            AlertMail(testTo: recipient, from: sender, at: controlPlane.now), from: sender)
    }

    private func send(_ mail: AlertMail, from sender: EmailAddress) async -> CourierOutcome {
        guard let host = configuration.host else { return .unsent(0, "smtp.host is not set") }
        var password: String?
        if let file = configuration.passwordFile {
            guard let line = Self.firstLine(of: file) else {
                return .unsent(0, "smtp.passwordFile: \(file) has no password")
            }
            password = line
        }
        let security: CourierMail.Security =
            switch configuration.security {
            case .starttls: .startTLS
            case .tls: .tls
            case .none: .none
            }
        do throws(Errno) {
            let courier = try await webhooks.startedCourier()
            return await courier.send(
                CourierMail(
                    host: host, port: UInt16(clamping: configuration.port), security: security,
                    user: configuration.user, password: password,
                    trustedCertificates: configuration.trustedCertificates, sender: sender.text,
                    recipient: mail.recipient.text),
                mail.bytes, timeoutMilliseconds: UInt32(configuration.timeoutSeconds) * 1_000)
        } catch {
            return .unsent(0, "\(error)")
        }
    }

    /// Read for each message: a changed password needs no restart.
    private static func firstLine(of file: String) -> String? {
        guard let bytes = try? FileSystem.read(file, maximumBytes: 4_096) else { return nil }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    /// For the page of metrics.
    nonisolated func write(into page: inout PrometheusText) {
        let counts = figures.withLock { $0 }
        page.begin(
            "tollgate_alert_mails_total", help: "Attempts to hand mail about alerts to the server.",
            kind: .counter)
        page.sample(counts.sent, labels: [PrometheusLabel("outcome", "sent")])
        page.sample(counts.failed, labels: [PrometheusLabel("outcome", "failed")])
        page.sample(counts.unsent, labels: [PrometheusLabel("outcome", "unsent")])
        page.begin(
            "tollgate_alert_mails_given_up_total",
            help: "Messages about alerts that were never taken.", kind: .counter)
        page.sample(counts.givenUp)
        guard
            let books = try? controlPlane.ledger.read({ books, transaction throws(StoreError) in
                try books.alertFigures(in: transaction)
            })
        else { return }
        page.begin(
            "tollgate_alert_mails_waiting", help: "Messages about alerts that are to be sent.",
            kind: .gauge)
        page.sample(books.due)
        page.begin("tollgate_alerts_open", help: "Alerts that are open.", kind: .gauge)
        for kind in AlertKind.allCases {
            page.sample(books.open[kind] ?? 0, labels: [PrometheusLabel("rule", kind.name)])
        }
    }
}

extension CourierOutcome {
    /// A mailbox or message that the server will not have, however often it is asked (RFC 5321, section 4.2.1). What it says
    /// about credentials (53x) is the operator's to put right, and may be tried again.
    var isRefusedForGood: Bool { (550...559).contains(status) }

    /// What the mail server has said last, or why nothing came.
    var words: String {
        let end = body.firstIndex { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") }
        let line = String(decoding: body[..<(end ?? body.count)], as: UTF8.self)
        let text = error.isEmpty ? line : line.isEmpty ? error : "\(error) (\(line))"
        return text.printable().prefix(bytes: NotificationReport.answerMaximumLength)
    }
}

/// What a gateway has handed to the mail server.
private struct AlertCounts: Sendable {
    var sent: UInt64 = 0
    var failed: UInt64 = 0
    var unsent: UInt64 = 0
    var givenUp: UInt64 = 0
}

/// Fires and sends alerts until the services are told to go.
struct AlertService: Service {
    let dispatcher: AlertDispatcher
    let node: NodeName?

    func run() async throws {
        await cancelWhenGracefulShutdown { await dispatcher.run(as: node) }
    }
}
