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

    /// Traps when `actor` is longer than 64 bytes or contains U+0000.
    public init(at: Timestamp, actor: String, idempotencyKey: String? = nil, action: Action) {
        precondition(Self.isValid(actor: actor), "not an actor's name")
        self.at = at
        self.actor = actor
        self.idempotencyKey = idempotencyKey
        self.action = action
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
        buffer.append(Version.v1)
        buffer.append(at)
        buffer.append(text: actor)
        buffer.append(optional: idempotencyKey) { $0.append(text: $1) }
        action.encode(into: &buffer)
    }

    /// Throws `.malformed` unless the bytes are a command of a known version.
    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "command") {
        case .v1:
            let at = try reader.takeTimestamp()
            let actor = try reader.takeText()
            guard Self.isValid(actor: actor) else { throw .malformed(what: "actor") }
            let idempotencyKey: String? = try reader.takeBool() ? try reader.takeText() : nil
            self.init(
                at: at,
                actor: actor,
                idempotencyKey: idempotencyKey,
                action: try Action(decoding: &reader)
            )
        }
    }
}
