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

/// Sends the events of the log to webhooks, in order and at least once each, by the courier's process.
///
/// How far each webhook has got is in the books, where this says so once a second. After a crash what was sent in the
/// last second is sent again, with the same `webhook-id`. Of a cluster's nodes each sends for the webhooks whose
/// partition it owns; while that moves, two may send for one.
actor WebhookDispatcher {
    private let controlPlane: any ControlPlane
    private let configuration: GatewayConfiguration.Webhooks
    private let program: String
    private let schedule: RetrySchedule
    private let logger: Logger
    private var courier: CourierProcess?
    private var lines: [WebhookID: WebhookLine] = [:]

    /// Those that are not sent to from here any more, and have something to report still.
    private var departed: [WebhookLine] = []
    private var lastRequest: UInt64 = 0
    private var wake: AsyncStream<Void>.Continuation?
    private var reportedAt = MonotonicInstant.now()
    private var isStopping = false
    private let figures = Mutex(WebhookFigures())

    /// Until the whole answer has come.
    static let timeoutMilliseconds: UInt32 = 15_000

    /// Between two looks at the log, and two reports to the books.
    private static let lookMilliseconds = 20
    private static let reportMilliseconds: Int64 = 1_000

    /// Of the log, for webhooks that have come equally far; and of all of them, in one look.
    private static let batch = 500
    private static let lookMaximum = 5_000

    /// In one report: of an attempt the books have some 300 bytes, and of a command a cluster's log takes 512 KiB.
    static let attemptsInReport = 1_000

    init(
        controlPlane: any ControlPlane,
        configuration: GatewayConfiguration.Webhooks,
        program: String = WebhookDispatcher.courierProgram,
        schedule: RetrySchedule = .standard,
        logger: Logger
    ) {
        self.controlPlane = controlPlane
        self.configuration = configuration
        self.program = program
        self.schedule = schedule
        self.logger = logger
    }

    /// Sends until the task is cancelled, or the ledger is shut down.
    ///
    /// - Parameter node: this node of a cluster; `nil` of a gateway alone.
    func run(as node: NodeName?) async {
        let (wakes, wake) = AsyncStream.makeStream(
            of: Void.self, bufferingPolicy: .bufferingNewest(1))
        self.wake = wake
        // Before the first look at the log, so that no commit falls in between.
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
                look(as: node)
                await report(isLast: false)
                try? await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
            }
            group.cancelAll()
        }
        isStopping = true
        await report(isLast: true)
        courier?.stop()
    }

    /// Reads what is new in the books, and sends what can be sent.
    private func look(as node: NodeName?) {
        do throws(StoreError) {
            var lines = lines
            let last = try controlPlane.ledger.read { books, transaction throws(StoreError) in
                try Self.update(&lines, books, as: node, in: transaction)
            }
            if lines.values.contains(where: { $0.hasRoom && $0.scanned < last }) { wake?.yield() }
            departed += self.lines.values.filter { lines[$0.id] == nil }
            self.lines = lines
            figures.withLock { figures in
                figures.failing = lines.values.count { $0.failures > 0 }
                figures.backlog = lines.values.map { last - min(last, $0.sequence) }.max() ?? 0
            }
        } catch {
            logger.warning("webhooks wait: the books can't be read: \(error)")
            return
        }
        for id in lines.keys { sendNext(of: id) }
    }

    /// The number of the newest event.
    private static func update(
        _ lines: inout [WebhookID: WebhookLine], _ books: Books, as node: NodeName?,
        in transaction: borrowing ReadTransaction
    ) throws(StoreError) -> UInt64 {
        let last = try books.lastSequence(in: transaction)
        guard try books.webhookCount(in: transaction) > 0 else {
            lines = [:]
            return last
        }
        var old = lines
        lines = [:]
        for webhook in try books.allWebhooks(in: transaction)
        where webhook.record.isOn {
            if let node, try books.owner(of: webhook.id, in: transaction) != node { continue }
            if var line = old.removeValue(forKey: webhook.id) {
                line.adopt(webhook)
                lines[webhook.id] = line
            } else {
                lines[webhook.id] = WebhookLine(webhook)
            }
        }
        // Most have come equally far.
        var parts: [UInt64: [(event: Event, scope: EventScope)]] = [:]
        var room = lookMaximum
        for (id, var line) in lines where line.hasRoom && line.scanned < last {
            var part = parts[line.scanned]
            if part == nil {
                guard room > 0 else { continue }
                var found: [(event: Event, scope: EventScope)] = []
                for event in try books.events(
                    after: line.scanned, limit: batch, in: transaction)
                {
                    found.append((event, try books.scope(of: event.change, in: transaction)))
                }
                room -= found.count
                parts[line.scanned] = found
                part = found
            }
            line.look(at: part ?? [])
            lines[id] = line
        }
        return last
    }

    private func sendNext(of id: WebhookID) {
        let now = controlPlane.now
        let request = lastRequest + 1
        guard !isStopping, let message = lines[id]?.next(at: now, as: request),
            let line = lines[id]
        else { return }
        lastRequest = request
        Task {
            let outcome = await send(message, to: line.record, at: now)
            await finish(message, outcome, of: request, sentAt: now)
        }
    }

    private func finish(
        _ message: WebhookMessage, _ outcome: CourierOutcome, of request: UInt64,
        sentAt: Timestamp
    ) async {
        let id = message.webhook
        guard !isStopping else { return }
        let verdict = lines[id]?.take(
            outcome, of: message, as: request, sentAt: sentAt, now: controlPlane.now, schedule,
            jitter: Double.random(in: 0...1))
        switch verdict {
        case .delivered: figures.withLock { $0.delivered += 1 }
        case .failed: figures.withLock { $0.failed += 1 }
        case .givenUp:
            figures.withLock { figures in
                figures.failed += 1
                figures.givenUp += 1
            }
            logger.warning(
                "webhook \(id): event \(message.sequence) was given up after \(schedule.attempts) attempts"
            )
        case .gone:
            figures.withLock { $0.failed += 1 }
            await switchOff(id)
        case .unsent:
            figures.withLock { $0.unsent += 1 }
            logger.warning("webhook \(id) waits: nothing can be sent: \(outcome.error)")
        case nil: break
        }
        sendNext(of: id)
        wake?.yield()
    }

    /// The receiver has answered 410. If the books can't say so now, it is asked again later.
    private func switchOff(_ id: WebhookID) async {
        logger.notice("webhook \(id) is off: its receiver wants no more (410)")
        let command = Command(
            at: controlPlane.now, actor: Command.gatewayActor,
            action: .webhooks(.update(id, WebhookUpdate(isOn: false))))
        do {
            _ = try await controlPlane.submit(command)
        } catch {
            logger.warning("webhook \(id) can't be switched off: \(error)")
        }
    }

    /// Tells the books how far each webhook has got, once a second, or at once when it is the last time.
    private func report(isLast: Bool) async {
        let now = MonotonicInstant.now()
        guard isLast || now.milliseconds(since: reportedAt) >= Self.reportMilliseconds else {
            return
        }
        reportedAt = now
        var reports = lines.keys.sorted().compactMap { lines[$0]?.report(isLast: isLast) }
        while var line = departed.popLast() {
            if let report = line.report(isLast: true) { reports.append(report) }
        }
        for part in Self.parts(of: reports) {
            let command = Command(
                at: controlPlane.now, actor: Command.gatewayActor, action: .webhooks(.report(part)))
            do {
                _ = try await controlPlane.submit(command)
            } catch {
                logger.warning("what was sent to webhooks can't be written down yet: \(error)")
                let mayComeStill = if case StoreError.unanswered = error { true } else { false }
                for report in part {
                    lines[report.id]?.restore(report, mayComeStill: mayComeStill)
                }
            }
        }
    }

    /// As many as fit into one command each.
    static func parts(of reports: [WebhookReport]) -> [[WebhookReport]] {
        var parts: [[WebhookReport]] = []
        var room = 0
        for report in reports {
            // One without an attempt takes room, too.
            let size = report.attempts.count + 1
            if size > room {
                parts.append([])
                room = attemptsInReport
            }
            parts[parts.count - 1].append(report)
            room -= size
        }
        return parts
    }
}

extension WebhookDispatcher {
    /// Sends a message now, whatever waits for the webhook, and writes down what has come back.
    func sendOnce(
        _ message: WebhookMessage, to record: WebhookRecord, _ cause: WebhookAttempt.Cause
    ) async throws -> (attempt: WebhookAttempt, body: [UInt8]) {
        let now = controlPlane.now
        let outcome = await send(message, to: record, at: now)
        let attempt = WebhookAttempt(
            cause: cause, outcome, sequence: message.sequence, at: now, number: 1)
        let report = WebhookReport(
            id: message.webhook, sequence: 0, failures: 0, retryAt: nil, attempts: [attempt])
        _ = try await controlPlane.submit(
            Command(
                at: controlPlane.now, actor: Command.gatewayActor,
                action: .webhooks(.report([report]))))
        return (attempt, outcome.body)
    }

    private func send(
        _ message: WebhookMessage, to record: WebhookRecord, at now: Timestamp
    ) async -> CourierOutcome {
        guard record.url.isEncrypted || configuration.allowPlainHTTP else {
            return CourierOutcome(
                number: 0, status: 0, milliseconds: 0,
                error: "http:// is not allowed: webhooks.allowPlainHTTP is off")
        }
        do {
            let keys = controlPlane.secretKeys
            let secrets = try [record.secret, record.formerSecret(at: now)].compactMap { sealed in
                try sealed.flatMap { try keys.open($0, of: message.webhook) }
            }
            guard !secrets.isEmpty else {
                return .unsent(0, "the webhook's secret can't be opened")
            }
            return await (try startedCourier()).send(
                record.url.text, message.headers(at: now, secrets: secrets), message.body,
                timeoutMilliseconds: Self.timeoutMilliseconds)
        } catch {
            return .unsent(0, "\(error)")
        }
    }

    func startedCourier() throws(Errno) -> CourierProcess {
        if let courier { return courier }
        var arguments = CourierArguments()
        arguments.allowsPrivateAddresses = configuration.allowPrivateAddresses
        arguments.allowsPlainHTTP = configuration.allowPlainHTTP
        arguments.trustedCertificates = configuration.trustedCertificates
        let courier = try CourierProcess(program: program, arguments: arguments.words)
        self.courier = courier
        figures.withLock { $0.courier = courier }
        return courier
    }

    /// The courier's process, as the kernel numbers it; `nil` when there is none.
    var courierNumber: Int32? { courier?.number }

    /// Beside this program, or where `make install` puts it.
    static var courierProgram: String {
        let name = "tollgate-courier"
        let own = FileSystem.resolved("/proc/self/exe")
        let directory = own.prefix(upTo: own.lastIndex(of: "/") ?? own.startIndex)
        let isInstalled = directory.hasSuffix("/bin")
        return isInstalled ? "\(directory.dropLast(4))/libexec/\(name)" : "\(directory)/\(name)"
    }

    /// For the page of metrics.
    nonisolated func write(into page: inout PrometheusText) {
        let figures = figures.withLock { $0 }
        page.begin(
            "tollgate_webhook_attempts_total", help: "Attempts to deliver an event to a webhook.",
            kind: .counter)
        page.sample(figures.delivered, labels: [PrometheusLabel("outcome", "delivered")])
        page.sample(figures.failed, labels: [PrometheusLabel("outcome", "failed")])
        page.sample(figures.unsent, labels: [PrometheusLabel("outcome", "unsent")])
        page.begin(
            "tollgate_webhook_given_up_total",
            help: "Events that a webhook's receiver has never taken.", kind: .counter)
        page.sample(figures.givenUp)
        page.begin(
            "tollgate_webhooks_failing", help: "Webhooks whose next event has failed.",
            kind: .gauge)
        page.sample(figures.failing)
        page.begin(
            "tollgate_webhook_backlog_events",
            help: "Events of the log that the slowest webhook has before it.", kind: .gauge)
        page.sample(figures.backlog)
        page.begin(
            "tollgate_courier_starts_total",
            help: "How often the process that sends to webhooks was started.", kind: .counter)
        page.sample(figures.courier?.starts ?? 0)
    }
}

/// What a gateway has sent to webhooks.
private struct WebhookFigures: Sendable {
    var delivered: UInt64 = 0
    var failed: UInt64 = 0
    var unsent: UInt64 = 0
    var givenUp: UInt64 = 0
    var failing = 0
    var backlog: UInt64 = 0
    var courier: CourierProcess?
}

/// Sends to webhooks until the services are told to go.
struct WebhookService: Service {
    let dispatcher: WebhookDispatcher
    let node: NodeName?

    func run() async throws {
        await cancelWhenGracefulShutdown { await dispatcher.run(as: node) }
    }
}
