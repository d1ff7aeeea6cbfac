public import Bytes
public import Storage
public import Time

/// An import in chunks: its state, and how far it is.
public struct ImportRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var state: ImportState
    public let actor: String
    let idempotencyKey: String?

    /// Which run of which node takes it: another one can't carry on.
    let run: GatewayRun
    public let beganAt: Timestamp

    /// The latest chunk, the commit, or the end of an abandoned one.
    public internal(set) var changedAt: Timestamp

    /// Rows that were taken.
    public internal(set) var rows: UInt64 = 0

    /// How many of them are staged no more: landed, or removed.
    public internal(set) var moved: UInt64 = 0

    /// How many of them name a deleted device whose entitlement is open: they are active from the
    /// commit on (rule B8). Kept true until then.
    var returning: UInt64 = 0

    /// Set as soon as there is one: the import can't be committed.
    public internal(set) var conflict: ImportConflict?

    init(actor: String, idempotencyKey: String?, run: GatewayRun, at time: Timestamp) {
        state = .receiving
        self.actor = actor
        self.idempotencyKey = idempotencyKey
        self.run = run
        beganAt = time
        changedAt = time
    }

    /// How many of its rows are still staged.
    var waiting: UInt64 { rows - moved }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, state, actor, idempotencyKey, run.node)
        buffer.append(run.number)
        buffer.append(fields: beganAt, changedAt, rows, moved, returning, conflict)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "import")
        state = try reader.take()
        actor = try reader.take()
        idempotencyKey = try reader.take()
        let node: NodeName =
            switch version {
            case .v1: .alone
            case .v2: try reader.take()
            }
        run = GatewayRun(node: node, number: try reader.takeUInt64())
        beganAt = try reader.take()
        changedAt = try reader.take()
        rows = try reader.take()
        moved = try reader.take()
        returning = try reader.take()
        conflict = try reader.take()
        guard moved <= rows else { throw .malformed(what: "import that moved more than it had") }
    }
}

/// The row of an import that can't be committed any more: its device came into the books meanwhile.
public struct ImportConflict: Hashable, Sendable {
    public let line: UInt64
    public let device: DeviceKey

    init(line: UInt64, device: DeviceKey) {
        self.line = line
        self.device = device
    }
}

extension ImportConflict: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: line, device) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(line:device:))
    }
}

/// A row of an import in chunks, until it lands: the device as the file has it.
struct StagedDeviceRecord: StorageRecord, Hashable, Sendable {
    /// Where it is in the file.
    let line: UInt64
    let secret: SealedSecret?
    let name: String

    init(_ row: ImportLine) {
        line = row.line
        secret = row.device.secret
        name = row.device.name
    }

    /// The device's record once the import was committed at `time`; `old` is what a deleted device
    /// has left behind (rule B8).
    func record(registeredAt time: Timestamp, after old: DeviceRecord?) -> DeviceRecord {
        DeviceRecord(secret: secret, name: name, registeredAt: time).keepingEntitlement(of: old)
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, line, secret, name)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "staged device") {
        case .v1:
            line = try reader.take()
            secret = try reader.take()
            name = try reader.take()
        }
    }
}
