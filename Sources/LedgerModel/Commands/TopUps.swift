public import Bytes
public import Encoding
public import Time

/// What a command does with top-up packs (rule C6).
public enum TopUpAction: Hashable, Sendable {
    /// A new pack for the account: 1 to `Books.topUpMaximum` units, which expire after now.
    case enter(
        AccountID, TopUpKind, source: TopUpSource, quantity: UInt64, expiresAt: Timestamp)

    /// Units of the account's message pack that expires first, for a holder who counts in memory:
    /// at least `needed` if the pack has as many left, else what it has; up to `block`, but no more
    /// than a quarter of what the account has, so that nobody sits on the last ones.
    case lease(AccountID, holder: LeaseHolder, needed: UInt64, block: UInt64)

    /// The holder used so many of the lease's units; the others go back to the pack, or expire with
    /// it. The lease ends.
    case settle(lease: UInt64, used: UInt64)

    /// The holder is gone: what it leased counts as used, so that a crash never grants more than was
    /// bought. At most `limit` leases, the oldest first.
    case abandon(holder: LeaseHolder, limit: UInt32)

    /// Closes packs that have expired with units left, the earliest first, at most `limit` of them.
    case expire(limit: UInt32)
}

/// A tag byte, then the parts in order.
extension TopUpAction: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case enter = 1
        case lease = 2
        case settle = 3
        case abandon = 4
        case expire = 5
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .enter(let account, let kind, let source, let quantity, let expiresAt):
            buffer.append(case: Tag.enter)
            buffer.append(account)
            buffer.append(case: kind)
            buffer.append(case: source)
            buffer.appendVarint(quantity)
            buffer.append(expiresAt)
        case .lease(let account, let holder, let needed, let block):
            buffer.append(case: Tag.lease)
            buffer.append(account)
            buffer.append(holder)
            buffer.appendVarint(needed)
            buffer.appendVarint(block)
        case .settle(let lease, let used):
            buffer.append(case: Tag.settle)
            buffer.appendVarint(lease)
            buffer.appendVarint(used)
        case .abandon(let holder, let limit):
            buffer.append(case: Tag.abandon)
            buffer.append(holder)
            buffer.appendVarint(UInt64(limit))
        case .expire(let limit):
            buffer.append(case: Tag.expire)
            buffer.appendVarint(UInt64(limit))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "top-up action") {
            case .enter:
                .enter(
                    try reader.take(AccountID.self),
                    try reader.take(case: TopUpKind.self),
                    source: try reader.take(case: TopUpSource.self),
                    quantity: try reader.takeVarint(),
                    expiresAt: try reader.takeTimestamp()
                )
            case .lease:
                .lease(
                    try reader.take(AccountID.self),
                    holder: try reader.take(LeaseHolder.self),
                    needed: try reader.takeVarint(),
                    block: try reader.takeVarint()
                )
            case .settle:
                .settle(lease: try reader.takeVarint(), used: try reader.takeVarint())
            case .abandon:
                .abandon(
                    holder: try reader.take(LeaseHolder.self),
                    limit: try reader.takeVarint32()
                )
            case .expire:
                .expire(limit: try reader.takeVarint32())
            }
    }
}

/// A fact about one top-up pack, as the event log keeps it (rules C6 and E3).
public struct TopUpChange: Hashable, Sendable {
    public let pack: TopUpPlace
    public let entry: Entry

    public init(pack: TopUpPlace, entry: Entry) {
        self.pack = pack
        self.entry = entry
    }

    public enum Entry: Hashable, Sendable {
        case entered(TopUpSource, quantity: UInt64)
        case leased(lease: UInt64, units: UInt64, holder: LeaseHolder)

        /// `returned`: the lease's units that were not used.
        case settled(lease: UInt64, used: UInt64, returned: UInt64)

        /// The holder was gone; all units of its lease count as used.
        case abandoned(lease: UInt64, units: UInt64)

        /// Attempts of an upgrade (rule D1).
        case deducted(units: UInt64, DeviceIdentity, UpgradeID)

        /// Attempts of an upgrade that failed (rule D2).
        case returned(units: UInt64, DeviceIdentity, UpgradeID)

        /// Nobody had used them when the pack expired.
        case expired(units: UInt64)
    }

    /// Its name in the API.
    public var name: String {
        switch entry {
        case .entered(.purchase, _): "top-up-bought"
        case .entered(.gift, _): "top-up-given"
        case .leased: "top-up-leased"
        case .settled: "top-up-settled"
        case .abandoned: "top-up-abandoned"
        case .deducted: "top-up-deducted"
        case .returned: "top-up-returned"
        case .expired: "top-up-expired"
        }
    }

    /// What it is in the account's list of changes; `nil` for what only moves units between the pack
    /// and a holder.
    public var movement: (kind: TopUpMovement.Kind, units: UInt64)? {
        switch entry {
        case .entered(.purchase, let quantity): (.purchase, quantity)
        case .entered(.gift, let quantity): (.gift, quantity)
        case .leased: nil
        case .settled(_, let used, _): used > 0 ? (.deduction, used) : nil
        case .abandoned(_, let units): (.deduction, units)
        case .deducted(let units, _, _): (.deduction, units)
        case .returned(let units, _, _): (.giveBack, units)
        case .expired(let units): (.expiry, units)
        }
    }
}

/// The pack, a tag byte, then the parts in order.
extension TopUpChange: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case entered = 1
        case leased = 2
        case settled = 3
        case abandoned = 4
        case expired = 5
        case deducted = 6
        case returned = 7
    }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(pack)
        switch entry {
        case .entered(let source, let quantity):
            buffer.append(case: Tag.entered)
            buffer.append(case: source)
            buffer.appendVarint(quantity)
        case .leased(let lease, let units, let holder):
            buffer.append(case: Tag.leased)
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
            buffer.append(holder)
        case .settled(let lease, let used, let returned):
            buffer.append(case: Tag.settled)
            buffer.appendVarint(lease)
            buffer.appendVarint(used)
            buffer.appendVarint(returned)
        case .abandoned(let lease, let units):
            buffer.append(case: Tag.abandoned)
            buffer.appendVarint(lease)
            buffer.appendVarint(units)
        case .expired(let units):
            buffer.append(case: Tag.expired)
            buffer.appendVarint(units)
        case .deducted(let units, let identity, let upgrade):
            buffer.append(case: Tag.deducted)
            buffer.appendVarint(units)
            buffer.append(identity)
            buffer.append(upgrade)
        case .returned(let units, let identity, let upgrade):
            buffer.append(case: Tag.returned)
            buffer.appendVarint(units)
            buffer.append(identity)
            buffer.append(upgrade)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        pack = try reader.takeTopUpPlace()
        entry =
            switch try reader.take(tag: Tag.self, of: "change of a top-up pack") {
            case .entered:
                .entered(
                    try reader.take(case: TopUpSource.self),
                    quantity: try reader.takeVarint()
                )
            case .leased:
                .leased(
                    lease: try reader.takeVarint(),
                    units: try reader.takeVarint(),
                    holder: try reader.take(LeaseHolder.self)
                )
            case .settled:
                .settled(
                    lease: try reader.takeVarint(),
                    used: try reader.takeVarint(),
                    returned: try reader.takeVarint()
                )
            case .abandoned:
                .abandoned(lease: try reader.takeVarint(), units: try reader.takeVarint())
            case .expired:
                .expired(units: try reader.takeVarint())
            case .deducted:
                .deducted(
                    units: try reader.takeVarint(),
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self)
                )
            case .returned:
                .returned(
                    units: try reader.takeVarint(),
                    try reader.takeIdentity(),
                    try reader.take(UpgradeID.self)
                )
            }
    }
}

/// A row of an account's list of changes of its top-up packs (rule C6).
public struct TopUpMovement: Hashable, Sendable {
    /// Number of its event.
    public let sequence: UInt64
    public let at: Timestamp
    public let actor: String
    public let change: TopUpChange
    public let kind: Kind
    public let units: UInt64

    package init(
        sequence: UInt64,
        at: Timestamp,
        actor: String,
        change: TopUpChange,
        kind: Kind,
        units: UInt64
    ) {
        self.sequence = sequence
        self.at = at
        self.actor = actor
        self.change = change
        self.kind = kind
        self.units = units
    }

    public enum Kind: Hashable, Sendable, CaseIterable {
        case purchase
        case gift
        case deduction

        /// To the pack, of an upgrade that failed.
        case giveBack
        case expiry

        /// Its name in the API.
        public var name: String {
            switch self {
            case .purchase: "purchase"
            case .gift: "gift"
            case .deduction: "deduction"
            case .giveBack: "return"
            case .expiry: "expiry"
            }
        }
    }
}

/// What a top-up pack holds.
public enum TopUpKind: UInt8, Hashable, Sendable, CaseIterable {
    /// Messages past a device's daily allowance (rule C6).
    case messages = 1

    /// Attempts of OTA upgrades past a device's monthly allowance (rule D1).
    case ota = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .messages: "messages"
        case .ota: "ota"
        }
    }
}

/// One byte.
extension TopUpKind: StorageKey {
    public func encode(into writer: inout KeyWriter) { writer.append(rawValue) }

    public init?(decoding reader: inout ByteReader) {
        guard let byte = reader.readUInt8() else { return nil }
        self.init(rawValue: byte)
    }
}

/// How a top-up pack came to an account (rule C6).
public enum TopUpSource: UInt8, Hashable, Sendable, CaseIterable {
    case purchase = 1
    case gift = 2

    /// Its name in the API.
    public var name: String {
        switch self {
        case .purchase: "purchase"
        case .gift: "gift"
        }
    }
}

/// Names a top-up pack, and is where it is filed: the packs of an account are in the order in which
/// they are drawn from, the one that expires first in front (rule C6).
public struct TopUpPlace: Hashable, Sendable {
    public let account: AccountID
    public let kind: TopUpKind

    /// The first instant at which nothing can be drawn from it any more.
    public let expiresAt: Timestamp

    /// The number of the event that made the pack.
    public let id: UInt64

    public init(account: AccountID, kind: TopUpKind, expiresAt: Timestamp, id: UInt64) {
        self.account = account
        self.kind = kind
        self.expiresAt = expiresAt
        self.id = id
    }

    public func hasExpired(at time: Timestamp) -> Bool { time >= expiresAt }
}

/// Account, kind, expiry, id.
extension TopUpPlace: StorageKey {
    public func encode(into writer: inout KeyWriter) {
        account.encode(into: &writer)
        kind.encode(into: &writer)
        expiresAt.encode(into: &writer)
        id.encode(into: &writer)
    }

    public init?(decoding reader: inout ByteReader) {
        guard let account = AccountID(decoding: &reader), let kind = TopUpKind(decoding: &reader),
            let expiresAt = Timestamp(decoding: &reader), let id = UInt64(decoding: &reader)
        else { return nil }
        self.init(account: account, kind: kind, expiresAt: expiresAt, id: id)
    }
}

/// Units of a message pack that their holder may use without asking again (rule C6). They are no
/// longer left in the pack; the holder settles what it used, or is taken to have used all.
public struct TopUpLease: Hashable, Sendable {
    /// The number of the event that made it.
    public let id: UInt64
    public let account: AccountID

    /// The id of the pack.
    public let pack: UInt64
    public let units: UInt64

    /// When the pack expires: from then on no unit may be used.
    public let expiresAt: Timestamp

    public init(id: UInt64, account: AccountID, pack: UInt64, units: UInt64, expiresAt: Timestamp) {
        self.id = id
        self.account = account
        self.pack = pack
        self.units = units
        self.expiresAt = expiresAt
    }
}
