public import Bytes
public import Encoding

/// The steps of an import that is too large for one command: begin, any number of chunks, commit. The
/// rows of an import wait in a table of their own, where nobody sees them; the commit makes all of
/// them valid at once, however many they are, and afterwards they are moved to the other devices in
/// small steps.
///
/// An import is named by its product and the number of the event that began it.
public enum ImportAction: Hashable, Sendable {
    /// `key` is the idempotency key that the commit will carry: was it used before, nothing begins
    /// and the effect is `importKnown`. An import under way of the same actor and key is abandoned:
    /// its client has come back. So is one that another `run` of the gateway has left.
    case begin(ProductKey, key: String?, run: UInt64)

    /// The rows after the first `after`. At most `Books.importMaximumRows` at once, and
    /// `Books.importMaximumTotal` in all.
    case stage(ProductKey, import: UInt64, after: UInt64, rows: [ImportLine])

    /// All `rows` are valid from here on, or none ever.
    case commit(ProductKey, import: UInt64, rows: UInt64, digest: FileDigest)

    /// The client has gone, or a row was refused.
    case abandon(ProductKey, import: UInt64)

    /// What other runs of the gateway have left: nobody will carry on with it.
    case abandonOthers(run: UInt64)

    /// Lands the next rows of a committed import, or removes those of an abandoned one: `limit`.
    case move(limit: UInt32)
}

/// A tag byte, then the parts in order.
extension ImportAction: StorageRecord {
    /// Never given to another case, also when its own is gone.
    enum Tag: UInt8, CaseIterable {
        case begin = 1
        case stage = 2
        case commit = 3
        case abandon = 4
        case abandonOthers = 5
        case move = 6
    }

    public func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .begin(let product, let key, let run):
            buffer.append(case: Tag.begin)
            buffer.append(product)
            buffer.append(optional: key) { $0.append(text: $1) }
            buffer.append(run)
        case .stage(let product, let number, let after, let rows):
            buffer.append(case: Tag.stage)
            buffer.append(product)
            buffer.appendVarint(number)
            buffer.appendVarint(after)
            buffer.append(list: rows) { $1.encode(into: &$0) }
        case .commit(let product, let number, let rows, let digest):
            buffer.append(case: Tag.commit)
            buffer.append(product)
            buffer.appendVarint(number)
            buffer.appendVarint(rows)
            buffer.append(digest.high)
            buffer.append(digest.low)
        case .abandon(let product, let number):
            buffer.append(case: Tag.abandon)
            buffer.append(product)
            buffer.appendVarint(number)
        case .abandonOthers(let run):
            buffer.append(case: Tag.abandonOthers)
            buffer.append(run)
        case .move(let limit):
            buffer.append(case: Tag.move)
            buffer.appendVarint(UInt64(limit))
        }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.take(tag: Tag.self, of: "import action") {
            case .begin:
                .begin(
                    try reader.take(ProductKey.self),
                    key: try reader.takeBool() ? try reader.takeText() : nil,
                    run: try reader.takeUInt64()
                )
            case .stage:
                .stage(
                    try reader.take(ProductKey.self),
                    import: try reader.takeVarint(),
                    after: try reader.takeVarint(),
                    rows: try reader.takeList { (reader) throws(MalformedRecord) in
                        try ImportLine(decoding: &reader)
                    }
                )
            case .commit:
                .commit(
                    try reader.take(ProductKey.self),
                    import: try reader.takeVarint(),
                    rows: try reader.takeVarint(),
                    digest: FileDigest(
                        high: try reader.takeUInt64(),
                        low: try reader.takeUInt64()
                    )
                )
            case .abandon:
                .abandon(try reader.take(ProductKey.self), import: try reader.takeVarint())
            case .abandonOthers:
                .abandonOthers(run: try reader.takeUInt64())
            case .move:
                .move(limit: try reader.takeVarint32())
            }
    }
}

/// One row of an import in chunks.
public struct ImportLine: Hashable, Sendable {
    /// Where it is in the file, for whoever has to correct it.
    public let line: UInt64
    public let device: DeviceImport

    public init(line: UInt64, device: DeviceImport) {
        self.line = line
        self.device = device
    }
}

/// The parts in order, within the bytes of an action.
extension ImportLine: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.appendVarint(line)
        device.encode(into: &buffer)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(line: try reader.takeVarint(), device: try DeviceImport(decoding: &reader))
    }
}

/// One row of an import: a device that shall be known before it connects.
public struct DeviceImport: Hashable, Sendable {
    public let device: DeviceKey

    /// `nil`: the device has none, and comes with a certificate or registers itself.
    public let secret: SealedSecret?
    public let name: String

    public init(device: DeviceKey, secret: SealedSecret?, name: String = "") {
        self.device = device
        self.secret = secret
        self.name = name
    }
}

/// The parts in order, within the bytes of an action.
extension DeviceImport: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(device)
        buffer.append(optional: secret)
        buffer.append(text: name)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            device: try reader.take(DeviceKey.self),
            secret: try reader.takeOptionalSealedSecret(),
            name: try reader.takeText()
        )
    }
}

/// 128 bits that name the contents of a file: by them a repeated import is recognised (rule A8).
public struct FileDigest: Hashable, Sendable {
    public let high: UInt64
    public let low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }
}

/// What is wrong with a row of an import.
public enum ImportFault: UInt8, CaseIterable, Hashable, Sendable {
    /// The product has a device of this DeviceKey.
    case exists = 1

    /// An earlier row has the same DeviceKey.
    case repeatedRow = 2

    /// The device's name is too long.
    case nameTooLong = 3

    /// Another import that is under way has the same DeviceKey.
    case arriving = 4
}

/// How far an import in chunks has come.
public enum ImportState: UInt8, CaseIterable, Hashable, Sendable {
    /// Its rows are being taken; nobody sees them.
    case receiving = 1

    /// It was committed: its devices are known, and move to where they stay.
    case landing = 2

    /// All its devices are where they stay.
    case done = 3

    /// It will never be committed; what was taken of it is being removed, or has been.
    case abandoned = 4

    /// Its name in the API.
    public var name: String {
        switch self {
        case .receiving: "receiving"
        case .landing: "landing"
        case .done: "done"
        case .abandoned: "abandoned"
        }
    }
}
