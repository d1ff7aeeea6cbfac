public import Bytes
public import Encoding
public import Time

/// A request to change the books. It holds everything the change depends on,
/// times, ids and secrets among it, so that the same commands in the same order make the same books
/// on every machine.
public struct Command: Hashable, Sendable {
    /// The time of the decision: nothing in the ledger reads a clock.
    public let at: Timestamp

    /// Who asks for it: a key id, `gateway`, `system`, ... It goes into the event log and the
    /// assignment history. At most 64 bytes of UTF-8 without U+0000.
    public let actor: String

    /// Chosen by the client (rule A8): a second command with the same actor and key changes nothing
    /// and is answered as the first was. 1 to 128 bytes of
    /// UTF-8 without U+0000; other keys are refused.
    public let idempotencyKey: String?
    public let action: Action

    /// The actor of what gateways do by themselves.
    public static var gatewayActor: String { "gateway" }

    /// Traps when `actor` is longer than 64 bytes or contains U+0000.
    public init(at: Timestamp, actor: String, idempotencyKey: String? = nil, action: Action) {
        precondition(Self.isValid(actor: actor), "not an actor's name")
        self.at = at
        self.actor = actor
        self.idempotencyKey = idempotencyKey
        self.action = action
    }

    /// The same, decided at another time.
    package func timed(at time: Timestamp) -> Command {
        Command(at: time, actor: actor, idempotencyKey: idempotencyKey, action: action)
    }

    /// In bytes of UTF-8.
    public static var actorMaximumLength: Int { 64 }

    /// In bytes of UTF-8.
    public static var idempotencyKeyMaximumLength: Int { 128 }

    /// Both are parts of a store key, where U+0000 ends a text.
    package static func isValid(actor: String) -> Bool {
        actor.utf8.count <= actorMaximumLength && !actor.utf8.contains(0)
    }

    package static func isValid(idempotencyKey key: String) -> Bool {
        (1...idempotencyKeyMaximumLength).contains(key.utf8.count) && !key.utf8.contains(0)
    }
}

/// The bytes a command travels as, in a replicated log for one: a version byte first.
extension Command: StorageRecord {
    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, at, actor, idempotencyKey, action)
    }

    /// Throws `.malformed` unless the bytes are a command of a known version.
    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "command") {
        case .v1:
            let at = try reader.take(Timestamp.self)
            let actor = try reader.takeText()
            guard Self.isValid(actor: actor) else { throw .malformed(what: "actor") }
            self.init(
                at: at,
                actor: actor,
                idempotencyKey: try reader.take(),
                action: try reader.take()
            )
        }
    }
}

/// Why a command is refused whatever its area is.
public enum CommandRefusal: Hashable, Sendable {
    /// The thing that `what` names exists already (or existed: names are not used again).
    case alreadyExists(what: String)
    case nameTooLong(maximumBytes: UInt32)

    /// A quantity of codes or units is 1 to `maximum`.
    case quantityOutOfRange(maximum: UInt64)

    /// Rule A8: the key came before with another command.
    case idempotencyKeyReused
    case idempotencyKeyInvalid
}

extension CommandRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case alreadyExists = 6
        case nameTooLong = 9
        case quantityOutOfRange = 13
        case idempotencyKeyReused = 24
        case idempotencyKeyInvalid = 25
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .alreadyExists(let what): buffer.append(Tag.alreadyExists, what)
        case .nameTooLong(let maximumBytes): buffer.append(Tag.nameTooLong, maximumBytes)
        case .quantityOutOfRange(let maximum): buffer.append(Tag.quantityOutOfRange, maximum)
        case .idempotencyKeyReused: buffer.append(Tag.idempotencyKeyReused)
        case .idempotencyKeyInvalid: buffer.append(Tag.idempotencyKeyInvalid)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .alreadyExists: try reader.make(Self.alreadyExists)
            case .nameTooLong: try reader.make(Self.nameTooLong)
            case .quantityOutOfRange: try reader.make(Self.quantityOutOfRange)
            case .idempotencyKeyReused: .idempotencyKeyReused
            case .idempotencyKeyInvalid: .idempotencyKeyInvalid
            }
    }

    public var description: String {
        switch self {
        case .alreadyExists(let what): "\(what) exists already"
        case .nameTooLong(let maximumBytes): "a name has at most \(maximumBytes) bytes"
        case .quantityOutOfRange(let maximum): "a quantity is 1 to \(maximum)"
        case .idempotencyKeyReused: "the idempotency key was used for another request"
        case .idempotencyKeyInvalid:
            "an idempotency key has 1 to \(Command.idempotencyKeyMaximumLength) bytes"
        }
    }
}
