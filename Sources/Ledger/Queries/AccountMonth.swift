public import Storage
public import Time

/// What a month brought, counted from the event log: to one product, or to an account.
public struct MonthFigures: Hashable, Sendable {
    /// Codes that were bought, and given free (rules A2 and A7).
    public internal(set) var bought: UInt64 = 0
    public internal(set) var granted: UInt64 = 0

    /// Codes of purchases that were voided (rule A11): an account's own, whatever product had them.
    public internal(set) var voided: UInt64 = 0

    /// Codes that a product got of its account's unassigned ones, and those that were taken back (rules A3 and A11).
    public internal(set) var assigned: UInt64 = 0
    public internal(set) var takenBack: UInt64 = 0

    /// Codes that were not consumed when their product was deleted (rule B9): they are lost.
    public internal(set) var forfeited: UInt64 = 0

    /// Codes consumed, by cause (rule B10), and consumptions that were voided (rule A11).
    public internal(set) var first: UInt64 = 0
    public internal(set) var renewal: UInt64 = 0
    public internal(set) var manual: UInt64 = 0
    public internal(set) var consumptionsVoided: UInt64 = 0

    /// Devices that came in: by themselves, one by one, or by imports; and those that were deleted.
    public internal(set) var registered: UInt64 = 0
    public internal(set) var deleted: UInt64 = 0

    /// OTA upgrades that were let start, and the attempts they took (rules D1 and D2). Failed upgrades have given theirs
    /// back: in the month in which the failure was reported.
    public internal(set) var upgrades: UInt64 = 0
    public internal(set) var fromAllowance: UInt64 = 0
    public internal(set) var fromPacks: UInt64 = 0
    public internal(set) var givenBack: UInt64 = 0

    /// Alerts (rule E2).
    public internal(set) var fired: UInt64 = 0
    public internal(set) var resolved: UInt64 = 0

    public init() {}

    private static var parts: [WritableKeyPath<MonthFigures, UInt64>] {
        [
            \.bought, \.granted, \.voided, \.assigned, \.takenBack, \.forfeited, \.first, \.renewal,
            \.manual, \.consumptionsVoided, \.registered, \.deleted, \.upgrades, \.fromAllowance,
            \.fromPacks, \.givenBack, \.fired, \.resolved,
        ]
    }

    /// Damaged books may count anything: wraps around rather than traps.
    public mutating func add(_ other: MonthFigures) {
        for part in Self.parts { self[keyPath: part] &+= other[keyPath: part] }
    }
}

/// What a month brought to an account's top-up packs of one kind (rule C6).
public struct MonthOfPacks: Hashable, Sendable {
    public init() {}

    /// Packs that were bought or given, and their units.
    public internal(set) var packs: UInt64 = 0
    public internal(set) var bought: UInt64 = 0
    public internal(set) var given: UInt64 = 0

    /// Units that were accounted for as used in the month, those of failed upgrades, which came back, and those that
    /// expired or were voided.
    public internal(set) var used: UInt64 = 0
    public internal(set) var givenBack: UInt64 = 0
    public internal(set) var expired: UInt64 = 0
    public internal(set) var voided: UInt64 = 0
}

/// Mail about alerts that was to be sent in a month, by what has become of it since (rule E1).
public struct MonthOfMail: Hashable, Sendable {
    public internal(set) var sent: UInt64 = 0
    public internal(set) var givenUp: UInt64 = 0
    public internal(set) var waiting: UInt64 = 0

    public init() {}

    public mutating func add(_ other: MonthOfMail) {
        sent += other.sent
        givenUp += other.givenUp
        waiting += other.waiting
    }
}

/// A span of time of one account, read from the event log part by part: see `Books.read(_:limit:in:)`.
public struct AccountMonth: Sendable {
    public let account: AccountID
    public let span: Range<Timestamp>

    /// Of every product that the account ever had.
    public fileprivate(set) var products: [ProductKey: MonthFigures]

    /// Of none of its products.
    public fileprivate(set) var own = MonthFigures()
    public fileprivate(set) var packs: [TopUpKind: MonthOfPacks] = [:]

    /// The events that are to be read still.
    public fileprivate(set) var events: Range<UInt64>

    public var isRead: Bool { events.isEmpty }
}

/// A month of an account. Events are asked for by time: their numbers are in its order, but for the differences between
/// clocks, so the first one of a month is found by halving.
extension Books {
    /// How far the events' times may be out of order, in milliseconds: two days. Clocks differ by seconds, and one that
    /// steps is believed for a day by default (`activation.clockAheadHours`, rule B16).
    private static var disorderMilliseconds: Int64 { 2 * 86_400_000 }

    /// What is to be read of an account's month. Bounded by the account's products and a few look-ups.
    public func month(
        of account: AccountID,
        in span: Range<Timestamp>,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> AccountMonth {
        var products: [ProductKey: MonthFigures] = [:]
        for key in try productKeys(of: account, in: transaction) { products[key] = MonthFigures() }
        let all = 1..<(try head(in: transaction).lastSequence + 1)
        let margin = Self.disorderMilliseconds
        let first = try Self.first(of: events, in: all, transaction) {
            $0.at >= span.lowerBound.adding(milliseconds: -margin)
        }
        let end = try Self.first(of: events, in: first..<all.upperBound, transaction) {
            $0.at >= span.upperBound.adding(milliseconds: margin)
        }
        return AccountMonth(
            account: account, span: span, products: products, events: first..<end)
    }

    /// Reads on, at most `limit` events of all accounts.
    public func read(
        _ month: inout AccountMonth,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) {
        precondition(limit > 0, "or it would never be read")
        guard !month.isRead else { return }
        var (read, last) = (month, month.events.lowerBound)
        var failed: [UpgradeChange] = []
        try events.forEach(
            in: transaction, from: .including(month.events.lowerBound),
            to: .excluding(month.events.upperBound), limit: limit
        ) { sequence, event in
            last = sequence
            guard read.span.contains(event.at) else { return .proceed }
            read.take(event.change)
            if case .upgrades(let change) = event.change, case .reported(false) = change.entry {
                failed.append(change)
            }
            return .proceed
        }
        for change in failed where read.products[change.identity.product] != nil {
            let upgrade = try upgrade(change.id, of: change.identity, in: transaction)
            let attempts = upgrade.map { $0.record.fromAllowance &+ $0.record.fromPacks } ?? 0
            read.count(change.identity.product) { $0.givenBack &+= attempts }
        }
        read.events = min(last + 1, month.events.upperBound)..<month.events.upperBound
        month = read
    }

    /// How many periods of entitlement of a product end in `span`, of at most `limit` behind `last`, and the last one
    /// that was counted; `nil` when there are no more.
    public func endings(
        of product: ProductKey,
        in span: Range<Timestamp>,
        behind last: (Timestamp, UInt64)?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (count: UInt64, last: (Timestamp, UInt64)?) {
        var (count, end): (Int, (Timestamp, UInt64)?) = (0, nil)
        let lower = KeyTriple(product, span.lowerBound, 0 as UInt64)
        try expiries.forEach(
            in: transaction, prefix: product,
            from: last.map { .excluding(KeyTriple(product, $0.0, $0.1)) } ?? .including(lower),
            to: .excluding(KeyTriple(product, span.upperBound, 0)), limit: limit
        ) { key, _ in
            count += 1
            end = (key.second, key.third)
            return .proceed
        }
        return (UInt64(count), count < limit ? nil : end)
    }

    /// The mail about an account's alerts that was to be sent in `span`, of at most `limit` messages of all accounts behind
    /// `last`, and the last one that was looked at; `nil` when there are no more. `isWhole` tells whether none of that time
    /// was forgotten: the last 100,000 are kept.
    public func mail(
        of account: AccountID,
        in span: Range<Timestamp>,
        behind last: UInt64?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> (figures: MonthOfMail, isWhole: Bool, last: UInt64?) {
        var (figures, seen, end): (MonthOfMail, Int, UInt64?) = (MonthOfMail(), 0, nil)
        guard let oldest = try notifications.first(in: transaction) else {
            return (figures, true, nil)
        }
        let newest = try alertsAsWhole(in: transaction).lastNotification
        let first: UInt64 =
            if let last { last + 1 } else {
                try Self.first(of: notifications, in: oldest.key..<(newest + 1), transaction) {
                    $0.createdAt
                        >= span.lowerBound.adding(milliseconds: -Self.disorderMilliseconds)
                }
            }
        let bound = span.upperBound.adding(milliseconds: Self.disorderMilliseconds)
        try notifications.forEach(in: transaction, from: .including(first), limit: limit) {
            id, record in
            guard record.createdAt < bound else { return .stop }
            (seen, end) = (seen + 1, id)
            guard record.account == account, span.contains(record.createdAt) else {
                return .proceed
            }
            switch record.state {
            case .waiting, .underWay: figures.waiting += 1
            case .sent: figures.sent += 1
            case .givenUp: figures.givenUp += 1
            }
            return .proceed
        }
        let isWhole = oldest.key == 1 || oldest.record.createdAt < span.lowerBound
        return (figures, isWhole, seen < limit ? nil : end)
    }

    /// The number of the first record of which `isLate` is true, in a table whose records are so from one on; the end of
    /// `numbers` when there is none. Numbers may be missing.
    private static func first<Record>(
        of table: Table<UInt64, Record>,
        in numbers: Range<UInt64>,
        _ transaction: borrowing some Transaction & ~Copyable,
        where isLate: (Record) -> Bool
    ) throws(StoreError) -> UInt64 {
        var (lower, upper) = (numbers.lowerBound, numbers.upperBound)
        while lower < upper {
            let middle = lower + (upper - lower) / 2
            var found: (number: UInt64, isLate: Bool)?
            try table.forEach(
                in: transaction, from: .including(middle), to: .excluding(upper), limit: 1
            ) { number, record in
                found = (number, isLate(record))
                return .stop
            }
            if let found, !found.isLate { lower = found.number + 1 } else { upper = middle }
        }
        return lower
    }
}

/// What an event is to the account's month.
extension AccountMonth {
    fileprivate mutating func count(
        _ product: ProductKey, _ body: (inout MonthFigures) -> Void
    ) {
        // Nothing is made of another account's product.
        guard let index = products.index(forKey: product) else { return }
        body(&products.values[index])
    }

    /// Of a product of the account, or of the account itself.
    private mutating func count(
        _ product: ProductKey?, of account: AccountID, _ body: (inout MonthFigures) -> Void
    ) {
        guard account == self.account else { return }
        if let product { count(product, body) } else { body(&own) }
    }

    fileprivate mutating func take(_ change: Change) {
        switch change {
        case .devices(let change): take(change)
        case .codes(let change): take(change)
        case .imports(.imported(let product, let quantity, _)):
            count(product) { $0.registered &+= UInt64(quantity) }
        case .topUps(let change): take(change)
        case .upgrades(let change): take(change)
        case .corrections(let correction): take(correction)
        case .alerts(.fired(_, let place, _, _)):
            // One of a node is no account's.
            guard let account = place.account else { break }
            count(place.subject.product, of: account) { $0.fired &+= 1 }
        case .alerts(.resolved(_, let place, _)):
            guard let account = place.account else { break }
            count(place.subject.product, of: account) { $0.resolved &+= 1 }
        case .products(let change): take(change)
        case .imports, .alerts, .packages, .accounts, .keys, .clock, .limits, .productSecrets,
            .cluster, .metadata, .webhooks, .authorities, .firmware, .campaigns:
            break
        }
    }

    private mutating func take(_ change: ProductChange) {
        switch change {
        case .deleted(let product, let forfeited): count(product) { $0.forfeited &+= forfeited }
        case .created, .updated, .packageUpgraded, .uplinkNamed, .dialectSet, .limitsSet,
            .tokenKeyAdded, .tokenKeyRemoved, .stateCounted, .uncountedSet:
            break
        }
    }

    private mutating func take(_ change: DeviceChange) {
        switch change {
        case .registered(let identity): count(identity.product) { $0.registered &+= 1 }
        case .deleted(let identity): count(identity.product) { $0.deleted &+= 1 }
        case .activated(let identity, let entitlement, at: _):
            count(identity.product) { figures in
                switch entitlement.cause {
                case .first: figures.first &+= 1
                case .renewal: figures.renewal &+= 1
                case .manual: figures.manual &+= 1
                }
            }
        case .entitlementReopened, .entitlementEnded, .disabled, .renewalSet, .secretReset,
            .secretConfirmed, .messagesDeleted, .renamed, .limitsSet, .desiredChanged,
            .pinsSet:
            break
        }
    }

    private mutating func take(_ change: CodeChange) {
        switch change {
        case .bought(let account, package: _, let quantity, let product, first: _):
            count(product, of: account) { $0.bought &+= quantity }
        case .granted(let account, package: _, let quantity, let product, first: _):
            count(product, of: account) { $0.granted &+= quantity }
        case .assigned(let account, let product, package: _, let quantity):
            count(product, of: account) { $0.assigned &+= quantity }
        }
    }

    private mutating func take(_ change: UpgradeChange) {
        switch change.entry {
        case .requested(_, let fromAllowance, let fromPacks):
            count(change.identity.product) { figures in
                figures.upgrades &+= 1
                figures.fromAllowance &+= fromAllowance
                figures.fromPacks &+= fromPacks
            }
        case .reported, .unreported: break
        }
    }

    private mutating func take(_ change: TopUpChange) {
        guard change.pack.account == account else { return }
        var packs = self.packs[change.pack.kind] ?? MonthOfPacks()
        switch change.entry {
        case .entered(let source, let quantity):
            packs.packs &+= 1
            switch source {
            case .purchase: packs.bought &+= quantity
            case .gift: packs.given &+= quantity
            }
        case .settled(lease: _, let used, returned: _, uses: _): packs.used &+= used
        case .abandoned(lease: _, let units): packs.used &+= units
        case .deducted(let units, _, _): packs.used &+= units
        case .returned(let units, _, _): packs.givenBack &+= units
        case .expired(let units): packs.expired &+= units
        case .voided(let units): packs.voided &+= units
        case .leased: return
        }
        self.packs[change.pack.kind] = packs
    }

    private mutating func take(_ correction: Correction) {
        switch correction.entry {
        case .purchaseVoided(let account, package: _, let quantity, first: _):
            count(nil, of: account) { $0.voided &+= quantity }
        case .assignmentVoided(_, let product, package: _, let quantity, sequence: _):
            count(product) { $0.takenBack &+= quantity }
        case .consumptionVoided(let identity, _):
            count(identity.product) { $0.consumptionsVoided &+= 1 }
        case .topUpVoided(let pack, let units):
            guard pack.account == account else { return }
            packs[pack.kind, default: MonthOfPacks()].voided &+= units
        case .entitlementMoved: break
        }
    }
}
