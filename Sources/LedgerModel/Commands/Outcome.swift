package import Bytes
package import Encoding

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

/// What is remembered under an idempotency key.
extension Outcome: TaggedRecord {
    enum Tag: UInt16, RecordTag {
        case done = 1
        case repeated = 2
        case refused = 3
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .done(let effect): buffer.append(Tag.done, effect)
        case .repeated(let effect): buffer.append(Tag.repeated, effect)
        case .refused(let refusal): buffer.append(Tag.refused, refusal)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .done: try reader.make(Self.done)
            case .repeated: try reader.make(Self.repeated)
            case .refused: try reader.make(Self.refused)
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

extension Effect: TaggedRecord {
    enum Tag: UInt16, RecordTag {
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

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .unchanged: buffer.append(Tag.unchanged)
        case .changed(let change): buffer.append(Tag.changed, change)
        case .entitled(let entitlement, let consumed):
            buffer.append(Tag.entitled, entitlement, consumed)
        case .registered(let secret): buffer.append(Tag.registered, secret)
        case .ended(let count, let more): buffer.append(Tag.ended, count, more)
        case .leased(let lease): buffer.append(Tag.leased, lease)
        case .upgrade(let upgrade): buffer.append(Tag.upgrade, upgrade)
        case .importBegun(let number): buffer.append(Tag.importBegun, number)
        case .importKnown: buffer.append(Tag.importKnown)
        case .staged(let rows): buffer.append(Tag.staged, rows)
        case .moved(let count, let more): buffer.append(Tag.moved, count, more)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .unchanged: .unchanged
            case .changed: try reader.make(Self.changed)
            case .entitled: try reader.make(Self.entitled)
            case .registered: try reader.make(Self.registered)
            case .ended: try reader.make(Self.ended)
            case .leased: try reader.make(Self.leased)
            case .upgrade: try reader.make(Self.upgrade)
            case .importBegun: try reader.make(Self.importBegun)
            case .importKnown: .importKnown
            case .staged: try reader.make(Self.staged)
            case .moved: try reader.make(Self.moved)
            }
    }
}
