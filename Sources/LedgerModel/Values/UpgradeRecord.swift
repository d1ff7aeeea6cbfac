public import Bytes
public import Encoding
public import Time

/// An OTA upgrade as the books keep it (rules D1 and D2): what it cost, and from where that was
/// taken, so that it can be given back there.
public struct UpgradeRecord: StorageRecord, Hashable, Sendable {
    private static var version: UInt8 { 1 }

    /// Number of the event of its request.
    public let sequence: UInt64
    public let size: UpgradeSize

    /// The month whose allowance was drawn from, at the product's UTC offset then.
    public let month: Month

    /// Attempts of that month's allowance.
    public let fromAllowance: UInt64

    /// The other attempts.
    public let draws: [TopUpDraw]
    public let requestedAt: Timestamp
    public let requestedBy: String
    public package(set) var state: UpgradeState
    public package(set) var reportedAt: Timestamp?

    package init(
        sequence: UInt64,
        size: UpgradeSize,
        month: Month,
        fromAllowance: UInt64,
        draws: [TopUpDraw],
        requestedAt: Timestamp,
        requestedBy: String
    ) {
        self.sequence = sequence
        self.size = size
        self.month = month
        self.fromAllowance = fromAllowance
        self.draws = draws
        self.requestedAt = requestedAt
        self.requestedBy = requestedBy
        state = .requested
        reportedAt = nil
    }

    public var fromPacks: UInt64 { draws.reduce(0) { $0 &+ $1.units } }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Self.version)
        buffer.appendVarint(sequence)
        buffer.append(size)
        buffer.appendSignedVarint(Int64(month.number))
        buffer.appendVarint(fromAllowance)
        buffer.append(list: draws) { buffer, draw in
            buffer.append(draw.pack)
            buffer.appendVarint(draw.units)
        }
        buffer.append(requestedAt)
        buffer.append(text: requestedBy)
        buffer.append(case: state)
        buffer.append(optional: reportedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try reader.requireVersion(Self.version, of: "upgrade")
        sequence = try reader.takeVarint()
        size = try reader.takeUpgradeSize()
        month = try reader.takeMonth()
        fromAllowance = try reader.takeVarint()
        draws = try reader.takeList { (reader) throws(MalformedRecord) in
            TopUpDraw(pack: try reader.takeTopUpPlace(), units: try reader.takeVarint())
        }
        requestedAt = try reader.takeTimestamp()
        requestedBy = try reader.takeText()
        state = try reader.take(case: UpgradeState.self)
        reportedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
    }
}
