package import Bytes
package import Encoding

/// What a command does with imports of devices.
///
/// One that is too large for one command has steps: begin, any number of chunks, commit. The
/// rows of an import wait in a table of their own, where no query sees them; the commit makes all of
/// them valid at once, however many they are, and afterwards they are moved to the other devices in
/// small steps. It is named by its product and the number of the event that began it.
public enum ImportAction: Hashable, Sendable {
    /// A small import in one command: all rows or none; row numbers in the refusal count from 1. At most
    /// 50,000 rows.
    case atOnce(ProductKey, [DeviceImport])

    /// `key` is the idempotency key that the commit will carry: was it used before, nothing begins
    /// and the effect is `importKnown`. An import under way of the same actor and key is abandoned:
    /// its client has come back. So is one of the product's that another run of the same node has left.
    case begin(ProductKey, key: String?, run: GatewayRun)

    /// The rows after the first `after`. At most `Books.importMaximumRows` at once, and
    /// `Books.importMaximumTotal` in all.
    case stage(ProductKey, import: UInt64, after: UInt64, rows: [ImportLine])

    /// All `rows` are valid from here on, or none ever.
    case commit(ProductKey, import: UInt64, rows: UInt64, digest: FileDigest)

    /// The client has gone, or a row was refused.
    case abandon(ProductKey, import: UInt64)

    /// Abandons what other runs of the same node have left unfinished.
    case abandonOthers(run: GatewayRun)

    /// Lands the next rows of a committed import, or removes those of an abandoned one: `limit`.
    case move(limit: UInt32)
}

extension ImportAction: ActionPart {
    enum Tag: UInt16, RecordTag {
        case atOnce = 9
        case begin = 0x2D_01
        case stage = 0x2D_02
        case commit = 0x2D_03
        case abandon = 0x2D_04
        case abandonOthers = 0x2D_05
        case move = 0x2D_06
        case beginAtNode = 0x2D_07
        case abandonOthersOfNode = 0x2D_08
    }

    /// The number of a run is eight bytes. A gateway that is alone writes the tags that there were before nodes.
    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .atOnce(let product, let rows): buffer.append(Tag.atOnce, product, rows)
        case .begin(let product, let key, let run) where run.node == .alone:
            buffer.append(Tag.begin, product, key)
            buffer.append(run.number)
        case .begin(let product, let key, let run):
            buffer.append(Tag.beginAtNode, product, key, run.node)
            buffer.append(run.number)
        case .stage(let product, let number, let after, let rows):
            buffer.append(Tag.stage, product, number, after, rows)
        case .commit(let product, let number, let rows, let digest):
            buffer.append(Tag.commit, product, number, rows, digest)
        case .abandon(let product, let number): buffer.append(Tag.abandon, product, number)
        case .abandonOthers(let run) where run.node == .alone:
            buffer.append(Tag.abandonOthers)
            buffer.append(run.number)
        case .abandonOthers(let run):
            buffer.append(Tag.abandonOthersOfNode, run.node)
            buffer.append(run.number)
        case .move(let limit): buffer.append(Tag.move, limit)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .atOnce: try reader.make(Self.atOnce)
            case .begin:
                .begin(
                    try reader.take(), key: try reader.take(),
                    run: GatewayRun(node: .alone, number: try reader.takeUInt64()))
            case .beginAtNode:
                .begin(
                    try reader.take(), key: try reader.take(),
                    run: GatewayRun(node: try reader.take(), number: try reader.takeUInt64()))
            case .stage: try reader.make(Self.stage)
            case .commit: try reader.make(Self.commit)
            case .abandon: try reader.make(Self.abandon)
            case .abandonOthers:
                .abandonOthers(run: GatewayRun(node: .alone, number: try reader.takeUInt64()))
            case .abandonOthersOfNode:
                .abandonOthers(
                    run: GatewayRun(node: try reader.take(), number: try reader.takeUInt64()))
            case .move: try reader.make(Self.move)
            }
    }

    /// Secrets are sealed afresh, and an import that begins again has another number.
    var asked: ImportAction {
        switch self {
        case .atOnce(let product, let rows):
            .atOnce(
                product,
                rows.map { DeviceImport(device: $0.device, secret: nil, name: $0.name) }
            )
        case .commit(let product, _, let rows, let digest):
            .commit(product, import: 0, rows: rows, digest: digest)
        case .begin, .stage, .abandon, .abandonOthers, .move: self
        }
    }
}

/// A fact about an import.
public enum ImportChange: Hashable, Sendable {
    /// All devices at once; `import` names an import in chunks, and is `nil` when it was one command.
    case imported(ProductKey, count: UInt32, import: UInt64?)

    /// Its number is the event's.
    case begun(ProductKey)
    case abandoned(ProductKey, import: UInt64)
}

extension ImportChange: ChangePart {
    enum Tag: UInt16, RecordTag {
        case imported = 9
        case begun = 60
        case abandoned = 61
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .imported(let product, let count, let number):
            buffer.append(Tag.imported, product, count, number)
        case .begun(let product): buffer.append(Tag.begun, product)
        case .abandoned(let product, let number): buffer.append(Tag.abandoned, product, number)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .imported: try reader.make(Self.imported)
            case .begun: try reader.make(Self.begun)
            case .abandoned: try reader.make(Self.abandoned)
            }
    }

    var name: String {
        switch self {
        case .imported: "devices-imported"
        case .begun: "import-begun"
        case .abandoned: "import-abandoned"
        }
    }
}

/// Why an import can't begin, go on or be committed.
public enum ImportRefusal: Hashable, Sendable {
    /// `row` counts from 1.
    case row(row: UInt32, device: DeviceKey, fault: ImportFault)
    case tooLarge(maximumRows: UInt32)

    /// The same of an import in chunks, which knows the line of its file.
    case line(line: UInt64, device: DeviceKey, fault: ImportFault)
    case unknown(ProductKey, UInt64)

    /// It was abandoned, or is committed already.
    case notReceiving(UInt64)

    /// The chunk is not the one that comes next: `staged` rows are there.
    case outOfStep(UInt64, staged: UInt64)

    /// As many as may be; or what abandoned ones left is still being removed.
    case tooManyUnderWay(maximum: UInt32)
}

extension ImportRefusal: RefusalPart {
    enum Tag: UInt16, RecordTag {
        case row = 22
        case tooLarge = 23
        case line = 70
        case unknown = 71
        case notReceiving = 72
        case outOfStep = 73
        case tooManyUnderWay = 74
    }

    package func encode(into buffer: inout ByteBuffer) {
        switch self {
        case .row(let row, let device, let fault): buffer.append(Tag.row, row, device, fault)
        case .tooLarge(let maximumRows): buffer.append(Tag.tooLarge, maximumRows)
        case .line(let line, let device, let fault): buffer.append(Tag.line, line, device, fault)
        case .unknown(let product, let number): buffer.append(Tag.unknown, product, number)
        case .notReceiving(let number): buffer.append(Tag.notReceiving, number)
        case .outOfStep(let number, let staged): buffer.append(Tag.outOfStep, number, staged)
        case .tooManyUnderWay(let maximum): buffer.append(Tag.tooManyUnderWay, maximum)
        }
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self =
            switch try reader.takeTag(of: Self.self) {
            case .row: try reader.make(Self.row)
            case .tooLarge: try reader.make(Self.tooLarge)
            case .line: try reader.make(Self.line)
            case .unknown: try reader.make(Self.unknown)
            case .notReceiving: try reader.make(Self.notReceiving)
            case .outOfStep: try reader.make(Self.outOfStep)
            case .tooManyUnderWay: try reader.make(Self.tooManyUnderWay)
            }
    }

    public var description: String {
        switch self {
        case .row(let row, let device, let fault): "row \(row): \(fault.words(on: device))"
        case .tooLarge(let maximumRows): "an import has at most \(maximumRows) rows"
        case .line(let line, let device, let fault): "line \(line): \(fault.words(on: device))"
        case .unknown(let product, let number): "product \(product) has no import \(number)"
        case .notReceiving(let number):
            "import \(number) takes no more rows: it was abandoned or is committed"
        case .outOfStep(let number, let staged):
            "import \(number) has \(staged) rows, and the next are other ones"
        case .tooManyUnderWay(let maximum):
            "at most \(maximum) imports at a time; try again when one has ended"
        }
    }
}

/// One row of an import in chunks.
public struct ImportLine: Hashable, Sendable {
    /// Its line in the file, for the error message.
    public let line: UInt64
    public let device: DeviceImport

    public init(line: UInt64, device: DeviceImport) {
        self.line = line
        self.device = device
    }
}

extension ImportLine: RecordField {
    package func encode(into buffer: inout ByteBuffer) { buffer.append(fields: line, device) }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(line:device:))
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

extension DeviceImport: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(fields: device, secret, name)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self = try reader.make(Self.init(device:secret:name:))
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

/// 16 bytes.
extension FileDigest: RecordField {
    package func encode(into buffer: inout ByteBuffer) {
        buffer.append(high)
        buffer.append(low)
    }

    package init(from reader: inout ByteReader) throws(MalformedRecord) {
        self.init(high: try reader.takeUInt64(), low: try reader.takeUInt64())
    }
}

/// What is wrong with a row of an import.
public enum ImportFault: UInt8, RecordField, CaseIterable, Hashable, Sendable {
    /// The product has a device of this DeviceKey.
    case exists = 1

    /// An earlier row has the same DeviceKey.
    case repeatedRow = 2

    /// The device's name is too long.
    case nameTooLong = 3

    /// Another import that is under way has the same DeviceKey.
    case arriving = 4

    fileprivate func words(on device: DeviceKey) -> String {
        switch self {
        case .exists: "device \(device) exists already"
        case .repeatedRow: "device \(device) is in an earlier row, too"
        case .nameTooLong: "the name of device \(device) is too long"
        case .arriving: "another import that is under way has device \(device), too"
        }
    }
}

/// The state of an import in chunks.
public enum ImportState: UInt8, RecordField, CaseIterable, Hashable, Sendable {
    /// It takes rows; no query sees them.
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
