import Ledger
import Linux
import Metering
import Reactor
import Storage
import Telemetry
import TLS
import Time

// What has to be done now and then, whether anybody is connected or not.
extension Gateway {
    /// How often is said that a certificate ends soon.
    private static var dayMilliseconds: Int64 { 86_400_000 }

    /// Seconds between two looks at what is due.
    private static var intervalSeconds: Int64 { 10 }

    /// How long after its end an entitlement is closed for a device that did not ask for renewal:
    /// an online device's own renewal goes first.
    private static var graceMilliseconds: Int64 { 60_000 }

    /// Entitlements, or top-up packs, that are closed with one command.
    private static var sweepLimit: UInt32 { 1_000 }

    /// Between two looks at how long the log of a cluster is.
    private static var truncationMilliseconds: Int64 { 600_000 }

    /// Closes entitlements and top-up packs that have ended, rotates ticket keys, gives memory back,
    /// clears away what earlier runs have left of imports, tells the shards of accounts' authorities what they could not be
    /// told, and publishes the gateway's own figures to
    /// applications that have subscribed; until its task is cancelled.
    ///
    /// A node of a cluster tells the books nothing while the log is away, and goes on with what is its own.
    ///
    /// - Parameter version: what these figures say that runs here.
    public func upkeep(version: String = "tollgate") async {
        async let topics: Void = publishSystemTopics(version: version)
        async let campaigns: Void = advanceCampaigns()
        async let images: Void = keepImages()
        await lookAfterStores()
        await topics
        await campaigns
        await images
    }

    private func lookAfterStores() async {
        var trim = TrimSchedule(from: time.monotonic)
        var nextWarning = time.monotonic.adding(milliseconds: Self.dayMilliseconds)
        var nextTruncation = time.monotonic
        var areImportsAbandoned = false
        var areLimitsTold = false
        var areStatesForgotten = false
        var digests = DigestReports()
        var onlineSchedule = OnlineSchedule(from: now)
        while !Task.isCancelled {
            if let quarter = onlineSchedule.due(at: now) { await sampleOnline(of: quarter) }
            if !areImportsAbandoned { areImportsAbandoned = await abandonImportsOfOtherRuns() }
            if !areLimitsTold { areLimitsTold = await tellLimits() }
            if !areStatesForgotten { areStatesForgotten = await forgetLeftStates() }
            await sweepEnded()
            await expireTopUps()
            await endUpgrades()
            // What a commit has not begun to move, or could not, as the disk was full.
            if await isMine(.imports) { await stagedDevices.moveAll() }
            await tellDigests(&digests)
            await tellOfNode()
            await tellProgress()
            if time.monotonic >= nextTruncation {
                nextTruncation = time.monotonic.adding(milliseconds: Self.truncationMilliseconds)
                await truncateLog()
            }
            warnOfFullStores()
            authorityKeeper.catchUp(in: ledger)
            tickets.rotate(at: time.wall.milliseconds / 1_000)
            if time.monotonic >= nextWarning {
                nextWarning = time.monotonic.adding(milliseconds: Self.dayMilliseconds)
                sayCertificates()
            }
            if trim.isDue(at: time.monotonic, accepted: acceptedConnections) { Heap.trim() }
            do {
                try await Task.sleep(for: .seconds(Self.intervalSeconds))
            } catch {
                return  // Cancelled.
            }
        }
    }

    private var acceptedConnections: UInt64 {
        counters.reduce(0) { $0 + $1.events.value(of: .connectionsAccepted) }
    }

    private func warnOfFullStores() {
        for (name, figures) in [("ledger", ledger.environment.figures), ("usage", usage.figures)] {
            commons.storeWatch.warn(name, figures, above: Self.mapUsedMaximum, commons.log)
        }
    }

    /// Tells the books their limits (rule A12) and when alerts are fired (rule E2), which the start could not when the disk was full; they are
    /// changed by that only if they are others. False when they can't be told now either.
    private func tellLimits() async -> Bool {
        guard isLedgerReached else { return false }
        let actions = [
            Action.limits(.adopt(configuration.limits.ofBooks)),
            .alerts(.adopt(configuration.alertSettings)),
        ]
        do throws(StoreError) {
            for action in actions {
                _ = try await ledger.submit(
                    Command(at: now, actor: Command.gatewayActor, action: action))
            }
            return true
        } catch {
            return false
        }
    }

    /// The rest of an import that an earlier run of this node was receiving will not come. False when the books could
    /// not be told, as the log was away.
    private func abandonImportsOfOtherRuns() async -> Bool {
        guard isLedgerReached else { return false }
        let action = Action.imports(.abandonOthers(run: run))
        do throws(StoreError) {
            _ = try await ledger.submit(
                Command(at: now, actor: Command.gatewayActor, action: action))
        } catch {
            commons.log?.say(
                .error, "imports of earlier runs can't be abandoned now", .init("error", "\(error)")
            )
        }
        return true
    }

    /// Resets devices whose entitlement has ended to inactive, so that the figures are true
    /// (rule B5). Answers how many.
    @discardableResult
    public func sweepEnded() async -> Int {
        await sweep(
            .entitlements,
            .devices(.endExpired(limit: Self.sweepLimit, graceMilliseconds: Self.graceMilliseconds))
        )
    }

    /// Closes top-up packs that have expired with units left, so that their figures are true
    /// (rule C6). Answers how many.
    @discardableResult
    public func expireTopUps() async -> Int {
        await sweep(.topUps, .topUps(.expire(limit: Self.sweepLimit)))
    }

    /// Ends OTA upgrades that nobody has reported in time (rule D2). Answers how many.
    @discardableResult
    public func endUpgrades() async -> Int {
        let days = configuration.metering.upgradeReportDays
        guard days > 0 else { return 0 }
        let age = Int64(days) * 86_400_000
        return await sweep(
            .upgrades(ageMilliseconds: age),
            .upgrades(.expire(limit: Self.sweepLimit, ageMilliseconds: age)))
    }

    /// Repeats a command that closes what is due until nothing is. Answers how many were closed.
    private func sweep(_ duty: Duty, _ action: Action) async -> Int {
        guard await isMine(duty) else { return 0 }
        var count = 0
        while true {
            // What has ended by a clock that the books doubt may be running still (rule B16).
            if commons.clock.doubt != nil { return count }
            let command = Command(at: now, actor: Command.gatewayActor, action: action)
            do throws(StoreError) {
                guard case .ended(let ended, let more) = try await ledger.submit(command).effect
                else { return count }
                count += Int(ended)
                if !more { return count }
            } catch {
                commons.log?.say(
                    .error, "what has ended can't be closed now", .init("error", "\(error)"))
                return count
            }
        }
    }

    // MARK: Several nodes

    /// What any node of a cluster may do for all, and one is enough.
    enum Duty {
        case entitlements
        case topUps
        case upgrades(ageMilliseconds: Int64)
        case imports
        case campaigns
    }

    /// Within that time, after it has seen that something is due, a node does it, if no other was first.
    private static var hesitationMilliseconds: Int64 { 3_000 }

    /// Whether this gateway has to look after it now. Alone it always has.
    func isMine(_ duty: Duty) async -> Bool {
        guard ledger.clusterStanding != nil else { return true }
        guard isLedgerReached, isDue(duty) else { return false }
        do {
            let hesitation = Int64.random(in: 0..<Self.hesitationMilliseconds)
            try await Task.sleep(for: .milliseconds(hesitation))
        } catch {
            return false  // Cancelled.
        }
        return isLedgerReached && isDue(duty)
    }

    /// By this node's own books. What can't be read is due: the command will say what is wrong.
    private func isDue(_ duty: Duty) -> Bool {
        let (now, grace) = (now, Self.graceMilliseconds)
        do throws(StoreError) {
            return try ledger.read { books, transaction throws(StoreError) in
                switch duty {
                case .entitlements:
                    try books.hasEndedEntitlements(
                        graceMilliseconds: grace, at: now, in: transaction)
                case .topUps: try books.hasExpiredTopUps(at: now, in: transaction)
                case .upgrades(let age):
                    try books.hasOverdueUpgrades(ageMilliseconds: age, at: now, in: transaction)
                case .imports: try books.hasStagedDevices(in: transaction)
                case .campaigns: try !books.dueCampaigns(at: now, in: transaction).isEmpty
                }
            }
        } catch {
            return true
        }
    }

    /// Whether a command would be answered soon: of a node of a cluster the log has to be there.
    var isLedgerReached: Bool {
        guard let standing = ledger.clusterStanding else { return true }
        return standing.phase == .open && standing.trouble == nil
    }

    /// Lets the other nodes know how far this one is, when it has had nothing else to say for long.
    private func tellProgress() async {
        guard isLedgerReached, let standing = ledger.clusterStanding,
            standing.isCheckpointDue(at: now)
        else { return }
        let action = Action.cluster(.checkpoint(number: standing.mark.position))
        do throws(StoreError) {
            _ = try await ledger.submit(
                Command(at: now, actor: Command.gatewayActor, action: action))
        } catch {
            commons.log?.say(
                .warning, "the other nodes can't be told how far this one is",
                .init("error", "\(error)"))
        }
    }

    private func truncateLog() async {
        guard isLedgerReached else { return }
        switch await ledger.truncateLog() {
        case .none: break
        case .done(let position):
            commons.log?.say(
                .info, "the log was shortened: all nodes have applied it",
                .init("first", "\(position)"))
        case .failed(let why):
            commons.log?.say(.warning, "the log can't be shortened now", .init("error", why))
        }
    }
}

/// When the heap's free memory is given back to the system: each minute, and once many connections have come or come
/// back, as a handshake takes 20 times what is kept of it.
struct TrimSchedule {
    private static let milliseconds: Int64 = 60_000
    private static let connections: UInt64 = 1_000

    private var next: MonotonicInstant
    private var accepted: UInt64 = 0

    init(from start: MonotonicInstant) { next = start }

    /// Whether it is to be given back now; the answer is expected to be followed.
    mutating func isDue(at now: MonotonicInstant, accepted count: UInt64) -> Bool {
        guard now >= next || count - accepted >= Self.connections else { return false }
        next = now.adding(milliseconds: Self.milliseconds)
        accepted = count
        return true
    }
}
