public import Bytes
public import Encoding

/// What became of a command.
public enum Outcome: Hashable, Sendable {
    /// It was carried out.
    case done(Effect)

    /// Its idempotency key, or the upgrade that it names, was known: nothing was changed now, and
    /// this is what the first command was answered (rules A8 and D2). A first refusal is repeated as
    /// `refused`.
    case repeated(Effect)

    /// It was not carried out, and the books are as they were.
    case refused(Refusal)

    /// What was done, now or the first time; `nil` when it was refused.
    public var effect: Effect? {
        switch self {
        case .done(let effect), .repeated(let effect): effect
        case .refused: nil
        }
    }
}

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Outcome: StorageRecord {
    /// Fixed for good: the tag of a removed case is not used again.
    enum Tag: UInt8, CaseIterable {
        case done = 1
        case repeated = 2
        case refused = 3
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .done(let effect):
            buffer.append(case: Tag.done)
            effect.encode(into: &buffer)
        case .repeated(let effect):
            buffer.append(case: Tag.repeated)
            effect.encode(into: &buffer)
        case .refused(let refusal):
            buffer.append(case: Tag.refused)
            refusal.encode(into: &buffer)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "outcome") {
            case .done:
                .done(try Effect(decoding: &reader))
            case .repeated:
                .repeated(try Effect(decoding: &reader))
            case .refused:
                .refused(try Refusal(decoding: &reader))
            }
    }
}

/// What a command that was carried out did.
public enum Effect: Hashable, Sendable {
    /// All was already as it asked; nothing was written.
    case unchanged

    /// One change, the same that the event log shows.
    case changed(Change)

    /// The device may be connected until the entitlement's end; `consumed` says whether a code was
    /// consumed for it now.
    case entitled(Entitlement, consumed: Bool)

    /// The device's secret, to be opened and handed to it.
    case registered(SealedSecret)

    /// How many entitlements, packs or leases were closed; `more` when the limit was reached.
    case ended(count: UInt32, more: Bool)

    /// The number that names the import.
    case importBegun(UInt64)

    /// The idempotency key was used before: whether by the same file, the commit will say.
    case importKnown

    /// How many rows the import has by now.
    case staged(rows: UInt64)

    /// How many rows of imports are staged no more; `more` when there are others.
    case moved(count: UInt32, more: Bool)

    /// Units of a message pack, for their holder to use (rule C6).
    case leased(TopUpLease)

    /// The upgrade as it is now (rules D1 and D2).
    case upgrade(Upgrade)
}

/// A tag byte, then the parts in order: what is remembered under an idempotency key.
extension Effect: StorageRecord {
    /// Fixed for good: the tag of a removed case is not used again.
    enum Tag: UInt8, CaseIterable {
        case unchanged = 1
        case changed = 2
        case entitled = 3
        case registered = 4
        case ended = 5
        case leased = 10
        case upgrade = 11
        case importBegun = 20
        case importKnown = 21
        case staged = 22
        case moved = 23
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unchanged:
            buffer.append(case: Tag.unchanged)
        case .changed(let change):
            buffer.append(case: Tag.changed)
            change.encode(into: &buffer)
        case .entitled(let entitlement, let consumed):
            buffer.append(case: Tag.entitled)
            buffer.append(entitlement)
            buffer.append(consumed)
        case .registered(let secret):
            buffer.append(case: Tag.registered)
            buffer.append(secret)
        case .ended(let count, let more):
            buffer.append(case: Tag.ended)
            buffer.appendVarint(UInt64(count))
            buffer.append(more)
        case .leased(let lease):
            buffer.append(case: Tag.leased)
            buffer.append(lease)
        case .upgrade(let upgrade):
            buffer.append(case: Tag.upgrade)
            buffer.append(upgrade.identity)
            buffer.append(upgrade.id)
            upgrade.record.encode(into: &buffer)
        case .importBegun(let number):
            buffer.append(case: Tag.importBegun)
            buffer.appendVarint(number)
        case .importKnown:
            buffer.append(case: Tag.importKnown)
        case .staged(let rows):
            buffer.append(case: Tag.staged)
            buffer.appendVarint(rows)
        case .moved(let count, let more):
            buffer.append(case: Tag.moved)
            buffer.appendVarint(UInt64(count))
            buffer.append(more)
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "effect") {
            case .unchanged:
                .unchanged
            case .changed:
                .changed(try Change(decoding: &reader))
            case .entitled:
                .entitled(
                    try reader.takeEntitlement(),
                    consumed: try reader.takeBool()
                )
            case .registered:
                .registered(try reader.takeSealedSecret())
            case .ended:
                .ended(
                    count: try reader.takeVarint32(),
                    more: try reader.takeBool()
                )
            case .leased:
                .leased(try reader.takeTopUpLease())
            case .upgrade:
                .upgrade(
                    Upgrade(
                        identity: try reader.takeIdentity(),
                        id: try reader.take(UpgradeID.self),
                        record: try UpgradeRecord(decoding: &reader)
                    )
                )
            case .importBegun:
                .importBegun(try reader.takeVarint())
            case .importKnown:
                .importKnown
            case .staged:
                .staged(rows: try reader.takeVarint())
            case .moved:
                .moved(count: try reader.takeVarint32(), more: try reader.takeBool())
            }
    }
}
