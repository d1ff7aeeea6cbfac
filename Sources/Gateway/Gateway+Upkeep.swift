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

    /// Closes entitlements and top-up packs that have ended, rotates ticket keys, gives memory back,
    /// clears away what earlier runs have left of imports; until its task is cancelled.
    public func upkeep() async {
        var nextRotation = time.monotonic.adding(milliseconds: rotationMilliseconds)
        var trim = TrimSchedule(from: time.monotonic)
        var nextWarning = time.monotonic.adding(milliseconds: Self.dayMilliseconds)
        await abandonImportsOfOtherRuns()
        var areLimitsTold = false
        while !Task.isCancelled {
            if !areLimitsTold { areLimitsTold = await tellLimits() }
            await sweepEnded()
            await expireTopUps()
            await endUpgrades()
            // What a commit has not begun to move, or could not, as the disk was full.
            await stagedDevices.moveAll()
            warnOfFullStores()
            if time.monotonic >= nextRotation {
                nextRotation = time.monotonic.adding(milliseconds: rotationMilliseconds)
                rotateTicketKeys()
            }
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

    /// Tells the books their limits (rule A12), which the start could not when the disk was full; they are
    /// changed by that only if they are others. False when they can't be told now either.
    private func tellLimits() async -> Bool {
        let action = Action.limits(.adopt(configuration.limits.ofBooks))
        do throws(StoreError) {
            _ = try await ledger.submit(Command(at: now, actor: "gateway", action: action))
            return true
        } catch {
            return false
        }
    }

    /// The rest of an import that an earlier run of this node was receiving will not come.
    private func abandonImportsOfOtherRuns() async {
        let action = Action.imports(.abandonOthers(run: run))
        do throws(StoreError) {
            _ = try await ledger.submit(Command(at: now, actor: "gateway", action: action))
        } catch {
            commons.log?.say(
                .error, "imports of earlier runs can't be abandoned now", .init("error", "\(error)")
            )
        }
    }

    /// Resets devices whose entitlement has ended to inactive, so that the figures are true
    /// (rule B5). Answers how many.
    @discardableResult
    public func sweepEnded() async -> Int {
        await sweep(
            .devices(.endExpired(limit: Self.sweepLimit, graceMilliseconds: Self.graceMilliseconds))
        )
    }

    /// Closes top-up packs that have expired with units left, so that their figures are true
    /// (rule C6). Answers how many.
    @discardableResult
    public func expireTopUps() async -> Int {
        await sweep(.topUps(.expire(limit: Self.sweepLimit)))
    }

    /// Ends OTA upgrades that nobody has reported in time (rule D2). Answers how many.
    @discardableResult
    public func endUpgrades() async -> Int {
        let days = configuration.metering.upgradeReportDays
        guard days > 0 else { return 0 }
        return await sweep(
            .upgrades(
                .expire(limit: Self.sweepLimit, ageMilliseconds: Int64(days) * 86_400_000)))
    }

    /// Repeats a command that closes what is due until nothing is. Answers how many were closed.
    private func sweep(_ action: Action) async -> Int {
        var count = 0
        while true {
            // What has ended by a clock that the books doubt may be running still (rule B16).
            if commons.clock.doubt != nil { return count }
            let command = Command(at: now, actor: "gateway", action: action)
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

    private var rotationMilliseconds: Int64 {
        Int64(configuration.tls.ticketRotationHours) * 3_600_000
    }

    private func rotateTicketKeys() {
        do throws(TLSError) {
            try tickets.rotate()
        } catch {
            commons.log?.say(
                .error, "the ticket keys can't be rotated", .init("error", "\(error)"))
            return
        }
        let file = SecretsDirectory(of: configuration).ticketFile
        Foundations.save(tickets, to: file, commons.log)
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
