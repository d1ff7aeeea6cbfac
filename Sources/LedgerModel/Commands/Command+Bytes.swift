public import Bytes
public import Encoding

/// The bytes a command travels as, in a replicated log for one: a version byte first.
extension Command: StorageRecord {
    private static var version: UInt8 { 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.version)
        buffer.append(at)
        buffer.append(text: actor)
        buffer.append(optional: idempotencyKey) { $0.append(text: $1) }
        action.encode(into: &buffer)
    }

    /// Throws `.malformed` unless the bytes are a command of a known version.
    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try reader.requireVersion(Self.version, of: "command")
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
