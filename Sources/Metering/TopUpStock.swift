public import Ledger
public import Time

/// What one shard holds of one account's message packs, for devices past their allowance (rule C6).
///
/// Units are leased before they are used, so that a crash never grants more than was bought. More
/// are requested ahead of need. When no pack has any left, the other shards are asked, once, to give
/// back what they hold; then messages are refused, without another request, until packs change.
///
/// Decides only: the shard that it belongs to talks to the ledger and to the others.
public struct TopUpStock: Sendable {
    private struct Held {
        let lease: TopUpLease
        var used: UInt64 = 0
        var uses: [DeviceIdentity: UInt64] = [:]

        var left: UInt64 { lease.units - used }
        var settlement: TopUpSettlement {
            TopUpSettlement(lease: lease.id, used: used, returned: left, uses: uses)
        }

        mutating func use(_ units: UInt64, by device: DeviceIdentity) {
            used += units
            if uses.count < TopUpStock.devicesOfLease || uses[device] != nil {
                uses[device, default: 0] += units
            }
        }
    }

    /// Units that a lease should have, where the account has plenty: what a crash costs, and how
    /// often the ledger is asked.
    public static let block = UInt64(TopUpUse.ofLeaseMaximum)

    /// Devices that the end of a lease names: all of them, unless a lease is greater than a block. Of
    /// the others' units it is not said who used them.
    public static let devicesOfLease = TopUpUse.ofLeaseMaximum

    /// The first to expire in front.
    private var leases: [Held] = []

    /// Ended leases that are still to be reported to the ledger.
    private var ended: [TopUpSettlement] = []
    private var available: UInt64 = 0

    /// What waits for units needs so many of them.
    private var wanted: UInt64 = 0

    /// Below it, more are requested ahead of need.
    private var lowWater: UInt64 = 0

    private var request: TopUpRequest?

    /// How many shards have not answered a recall, and whether one of them had something.
    private var outstanding = 0
    private var hasReturns = false

    /// The packs had nothing left when the ledger was last asked.
    private var isDry = false

    /// The others had nothing to give back, and nothing was drawn since.
    private var hasRecalled = false

    /// The ledger could not answer: asked again after a while.
    private var hasFailed = false
    private var wasDrawn = false

    /// How many other shards may hold units of the account.
    private let peers: Int

    public init(peers: Int) { self.peers = peers }

    // MARK: Drawing

    /// Takes units, the first-expiring first; all that are asked for, or none.
    public mutating func draw(
        _ units: UInt32, for device: DeviceIdentity, at time: Timestamp
    ) -> TopUpVerdict {
        let verdict = look(for: units, at: time)
        guard verdict == .drawn else { return verdict }
        available -= UInt64(units)
        var missing = UInt64(units)
        while missing > 0, !leases.isEmpty {
            let taken = min(missing, leases[0].left)
            leases[0].use(taken, by: device)
            missing -= taken
            if leases[0].left == 0 { ended.append(leases.removeFirst().settlement) }
        }
        wasDrawn = true
        hasRecalled = false
        return .drawn
    }

    /// The verdict of drawing so many; takes none, but requests more as drawing does.
    public mutating func look(for units: UInt32, at time: Timestamp) -> TopUpVerdict {
        endExpired(at: time)
        if available >= UInt64(units) { return .drawn }
        guard mayHaveMore else { return .nothingLeft }
        wanted += UInt64(units)
        return .wait
    }

    private var mayHaveMore: Bool { !isDry || peers > 0 && !hasRecalled }

    private mutating func endExpired(at time: Timestamp) {
        while let first = leases.first, first.lease.expiresAt <= time {
            available -= first.left
            ended.append(leases.removeFirst().settlement)
        }
    }

    // MARK: Requesting more

    /// What to request now; `nil` when nothing is needed, or a request is under way.
    public mutating func nextRequest() -> TopUpRequest? {
        guard request == nil else { return nil }
        if wanted > 0 {
            guard isDry else {
                return begin(.lease(needed: max(1, wanted - min(wanted, available))))
            }
            precondition(peers > 0, "a single shard has no other to recall units from")
            outstanding = peers
            return begin(.recall)
        }
        return isLow ? begin(.lease(needed: 1)) : nil
    }

    /// Whether more should be requested ahead of need.
    public var isLow: Bool { request == nil && wasDrawn && !isDry && available < lowWater }

    private mutating func begin(_ request: TopUpRequest) -> TopUpRequest {
        self.request = request
        return request
    }

    /// A request is over: messages that wait try again.
    private mutating func finishRequest() {
        request = nil
        wanted = 0
    }

    /// The ledger's answer to a request for a lease: `nil` when no pack has any left.
    public mutating func leased(_ lease: TopUpLease?) {
        finishRequest()
        guard let lease else {
            isDry = true
            return
        }
        let place = leases.firstIndex { $0.lease.expiresAt > lease.expiresAt } ?? leases.endIndex
        leases.insert(Held(lease: lease), at: place)
        available += lease.units
        lowWater = min(lease.units, Self.block) / 2
    }

    /// The ledger could not answer (disk full, stopping): there is nothing to draw for now.
    public mutating func leaseFailed() {
        finishRequest()
        isDry = true
        hasRecalled = true
        hasFailed = true
    }

    /// One of the other shards has answered a recall. True when it was the last: the request is over.
    public mutating func recalled(hasReturned: Bool) -> Bool {
        hasReturns = hasReturns || hasReturned
        outstanding -= 1
        guard outstanding == 0 else { return false }
        finishRequest()
        if hasReturns { isDry = false }
        hasRecalled = true
        hasReturns = false
        return true
    }

    // MARK: Changes elsewhere

    /// Packs have been bought or given. What is held goes back, as one of the new ones may expire
    /// earlier.
    public mutating func packsChanged() {
        isDry = false
        hasRecalled = false
        hasFailed = false
        giveBack()
    }

    /// Another shard has given units back.
    public mutating func unitsReturned() { isDry = false }

    // MARK: Giving back

    /// Ends all leases; `takeSettlements` has them.
    public mutating func giveBack() {
        ended += leases.map(\.settlement)
        leases = []
        available = 0
    }

    /// The same at the end of the process: none is asked for ahead of need any more.
    public mutating func giveBackForGood() {
        giveBack()
        wasDrawn = false
    }

    /// To be called once a flush interval: what has not been drawn from since the last time goes back.
    public mutating func lookAround(at time: Timestamp) {
        endExpired(at: time)
        if !wasDrawn { giveBack() }
        wasDrawn = false
        guard hasFailed else { return }
        hasFailed = false
        isDry = false
        hasRecalled = false
    }

    /// The leases that have ended since the last time, for the ledger.
    public mutating func takeSettlements() -> [TopUpSettlement] {
        guard !ended.isEmpty else { return [] }
        defer { ended = [] }
        return ended
    }

    /// The ledger could not take it.
    public mutating func settleAgain(_ settlement: TopUpSettlement) { ended.append(settlement) }

    /// No unit is held, and none is expected.
    public var isSettled: Bool {
        guard leases.isEmpty, ended.isEmpty else { return false }
        if case .lease = request { return false }
        return true
    }
}

/// The answer to drawing units past an allowance (rule C6).
public enum TopUpVerdict: Equatable, Sendable {
    /// They are here, and taken when they were drawn: count them.
    case drawn

    /// There may be more: try again when something has changed.
    case wait

    /// There are none, here or elsewhere.
    case nothingLeft
}

/// How a shard gets more top-up units. The stock is told when it is over.
public enum TopUpRequest: Equatable, Sendable {
    /// Ask the ledger for a lease of at least so many units.
    case lease(needed: UInt64)

    /// Have the other shards give back what they hold.
    case recall
}

/// The end of a lease, for the ledger: how many of its units were used.
public struct TopUpSettlement: Equatable, Sendable {
    /// The lease's id.
    public let lease: UInt64
    public let used: UInt64

    /// Units that go back to their pack.
    public let returned: UInt64

    /// How many units each device used, of `devicesOfLease` devices.
    public let uses: [DeviceIdentity: UInt64]

    public init(
        lease: UInt64, used: UInt64, returned: UInt64, uses: [DeviceIdentity: UInt64] = [:]
    ) {
        self.lease = lease
        self.used = used
        self.returned = returned
        self.uses = uses
    }

    /// What the ledger is told.
    public var action: TopUpAction {
        .settle(
            lease: lease, used: used,
            uses: uses.map { TopUpUse(device: $0.key, units: $0.value) })
    }
}
