public import Bytes
public import Encoding
public import Time

/// What a command does with top-up packs (rule C6).
public enum TopUpAction: Hashable, Sendable {
    /// A new pack for the account: 1 to `Books.topUpMaximum` units, which expire after now.
    case enter(AccountID, TopUpKind, source: TopUpSource, quantity: UInt64, expiresAt: Timestamp)

    /// Units of the account's message pack that expires first, for a holder who counts in memory:
    /// at least `needed` if the pack has as many left, else what it has; up to `block`, but no more
    /// than a quarter of what the account has, so that no holder keeps the last ones.
    case lease(AccountID, holder: LeaseHolder, needed: UInt64, block: UInt64)

    /// The holder used so many of the lease's units, `uses` of them by devices that it knows; the
    /// others go back to the pack, or expire with it. The lease ends.
    case settle(lease: UInt64, used: UInt64, uses: [TopUpUse] = [])

    /// The holder has ended: what it leased counts as used, so that a crash never grants more than was
    /// bought. At most `limit` leases, the oldest first.
    case abandon(holder: LeaseHolder, limit: UInt32)

    /// Closes packs that have expired with units left, the earliest first, at most `limit` of them.
    case expire(limit: UInt32)
}

extension TopUpAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case enter = 0x1E_01
        case lease = 0x1E_02
        case settle = 0x1E_03
        case abandon = 0x1E_04
        case expire = 0x1E_05

        /// A `settle` that names devices.
        case settleUses = 0x1E_06
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .enter(let account, let kind, let source, let quantity, let expiresAt):
            buffer.append(Tag.enter, account, kind, source, quantity, expiresAt)
        case .lease(let account, let holder, let needed, let block):
            buffer.append(Tag.lease, account, holder, needed, block)
        case .settle(let lease, let used, let uses) where uses.isEmpty:
            buffer.append(Tag.settle, lease, used)
        case .settle(let lease, let used, let uses):
            buffer.append(Tag.settleUses, lease, used, uses)
        case .abandon(let holder, let limit): buffer.append(Tag.abandon, holder, limit)
        case .expire(let limit): buffer.append(Tag.expire, limit)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .enter: try reader.make(Self.enter)
            case .lease: try reader.make(Self.lease)
            case .settle: try reader.make { .settle(lease: $0, used: $1) }
            case .settleUses: try reader.make(Self.settle)
            case .abandon: try reader.make(Self.abandon)
            case .expire: try reader.make(Self.expire)
            }
    }

    var asked: TopUpAction {
        switch self {
        case .enter, .lease, .settle, .abandon, .expire: self
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

        /// `returned`: the lease's units that were not used; `uses`: by whom the used ones were, as far as
        /// the holder has said.
        case settled(lease: UInt64, used: UInt64, returned: UInt64, uses: [TopUpUse] = [])

        /// The holder was gone; all units of its lease count as used.
        case abandoned(lease: UInt64, units: UInt64)

        /// Attempts of an upgrade (rule D1).
        case deducted(units: UInt64, DeviceIdentity, UpgradeID)

        /// Attempts of an upgrade that failed (rule D2).
        case returned(units: UInt64, DeviceIdentity, UpgradeID)

        /// Not used when the pack expired.
        case expired(units: UInt64)

        /// Came back to a pack after that was voided (rule A11).
        case voided(units: UInt64)
    }

    var name: String {
        switch entry {
        case .entered(.purchase, _): "top-up-bought"
        case .entered(.gift, _): "top-up-given"
        case .leased: "top-up-leased"
        case .settled: "top-up-settled"
        case .abandoned: "top-up-abandoned"
        case .deducted: "top-up-deducted"
        case .returned: "top-up-returned"
        case .expired: "top-up-expired"
        case .voided: "top-up-voided"
        }
    }

    /// Whose the units are, as far as it is known: of a deduction from a pack of messages.
    public var uses: [TopUpUse] {
        if case .settled(_, _, _, let uses) = entry { uses } else { [] }
    }

    /// What it is in the account's list of changes; `nil` for what only moves units between the pack
    /// and a holder.
    public var movement: (kind: TopUpMovement.Kind, units: UInt64)? {
        switch entry {
        case .entered(.purchase, let quantity): (.purchase, quantity)
        case .entered(.gift, let quantity): (.gift, quantity)
        case .leased: nil
        case .settled(_, let used, _, _): used > 0 ? (.deduction, used) : nil
        case .abandoned(_, let units): (.deduction, units)
        case .deducted(let units, _, _): (.deduction, units)
        case .returned(let units, _, _): (.giveBack, units)
        case .expired(let units): (.expiry, units)
        case .voided(let units): (.void, units)
        }
    }
}

extension TopUpChange: ChangePart {
    enum Tag: UInt16, RecordTag { case change = 40 }

    package func encode(into buffer: inout ByteBuffer) { buffer.append(Tag.change, pack, entry) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.takeTag(of: Self.self) {
        case .change: self = try reader.make(Self.init(pack:entry:))
        }
    }
}

extension TopUpChange.Entry: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case entered = 1
        case leased = 2
        case settled = 3
        case abandoned = 4
        case expired = 5
        case deducted = 6
        case returned = 7
        case voided = 8

        /// A `settled` that names devices.
        case settledUses = 9
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .entered(let source, let quantity): buffer.append(Tag.entered, source, quantity)
        case .leased(let lease, let units, let holder):
            buffer.append(Tag.leased, lease, units, holder)
        case .settled(let lease, let used, let returned, let uses) where uses.isEmpty:
            buffer.append(Tag.settled, lease, used, returned)
        case .settled(let lease, let used, let returned, let uses):
            buffer.append(Tag.settledUses, lease, used, returned, uses)
        case .abandoned(let lease, let units): buffer.append(Tag.abandoned, lease, units)
        case .expired(let units): buffer.append(Tag.expired, units)
        case .deducted(let units, let identity, let upgrade):
            buffer.append(Tag.deducted, units, identity, upgrade)
        case .returned(let units, let identity, let upgrade):
            buffer.append(Tag.returned, units, identity, upgrade)
        case .voided(let units): buffer.append(Tag.voided, units)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .entered: try reader.make(Self.entered)
            case .leased: try reader.make(Self.leased)
            case .settled: try reader.make { .settled(lease: $0, used: $1, returned: $2) }
            case .settledUses: try reader.make(Self.settled)
            case .abandoned: try reader.make(Self.abandoned)
            case .expired: try reader.make(Self.expired)
            case .deducted: try reader.make(Self.deducted)
            case .returned: try reader.make(Self.returned)
            case .voided: try reader.make(Self.voided)
            }
    }
}

/// How many units of a lease one device used (rule C6).
public struct TopUpUse: Hashable, Sendable {
    public let device: DeviceIdentity
    public let units: UInt64

    /// The most devices that the end of one lease names.
    public static let ofLeaseMaximum = 1_024

    public init(device: DeviceIdentity, units: UInt64) {
        self.device = device
        self.units = units
    }
}

extension TopUpUse: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: device, units) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(device:units:))
    }
}

extension [TopUpUse] {
    /// Of all of them; `nil` when that is no number.
    package var units: UInt64? {
        reduce(0) { sum, use in
            sum.flatMap { sum in
                let (total, overflow) = sum.addingReportingOverflow(use.units)
                return overflow ? nil : total
            }
        }
    }
}

/// Why a pack can't be entered or drawn from.
public enum TopUpRefusal: Hashable, Sendable {
    /// Rule C6: no unit is left in the account's message packs.
    case noneLeft(AccountID)

    /// A pack would have expired before it is there, or a campaign be over before it begins.
    case expiryPassed(Timestamp)

    /// There is no such lease, or it was settled or abandoned.
    case unknownLease(UInt64)

    /// More was used than the lease's `units`, or by devices than was used.
    case leaseExceeded(lease: UInt64, units: UInt64)
}

extension TopUpRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case noneLeft = 50
        case expiryPassed = 51
        case unknownLease = 52
        case leaseExceeded = 53
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .noneLeft(let account): buffer.append(Tag.noneLeft, account)
        case .expiryPassed(let time): buffer.append(Tag.expiryPassed, time)
        case .unknownLease(let id): buffer.append(Tag.unknownLease, id)
        case .leaseExceeded(let lease, let units): buffer.append(Tag.leaseExceeded, lease, units)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .noneLeft: try reader.make(Self.noneLeft)
            case .expiryPassed: try reader.make(Self.expiryPassed)
            case .unknownLease: try reader.make(Self.unknownLease)
            case .leaseExceeded: try reader.make(Self.leaseExceeded)
            }
    }

    public var description: String {
        switch self {
        case .noneLeft(let account): "account \(account) has nothing left in its message packs"
        case .expiryPassed(let time): "\(time) is not after now, or not after its beginning"
        case .unknownLease(let id): "there is no lease \(id), or it has ended"
        case .leaseExceeded(let lease, let units):
            "more was used than the \(units) units of lease \(lease)"
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

        /// With a correction of the pack, or behind it (rule A11).
        case void

        /// Its name in the API.
        public var name: String {
            switch self {
            case .purchase: "purchase"
            case .gift: "gift"
            case .deduction: "deduction"
            case .giveBack: "return"
            case .expiry: "expiry"
            case .void: "void"
            }
        }
    }
}

/// What a top-up pack holds.
public enum TopUpKind: UInt8, RecordField, Hashable, Sendable, CaseIterable {
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
public enum TopUpSource: UInt8, RecordField, Hashable, Sendable, CaseIterable {
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

extension TopUpPlace: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: account, kind, expiresAt, id)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(account:kind:expiresAt:id:))
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

extension TopUpLease: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: id, account, pack, units, expiresAt)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(id:account:pack:units:expiresAt:))
    }
}
