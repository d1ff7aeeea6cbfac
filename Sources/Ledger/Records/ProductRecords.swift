public import Bytes
public import Storage
public import Time

/// The settings of a product as the books keep them. They change rarely, so that readers may cache
/// them; what every activation changes is in `PoolRecord`.
public struct ProductRecord: StorageRecord, Hashable, Sendable {
    public private(set) var name: String

    /// What it was called before, the latest last: the history is searched by these as well.
    public private(set) var formerNames: [String] = []
    public let account: AccountID

    /// Its one package (rule A4), with the allowance it gives; `nil` before the first codes.
    public internal(set) var package: PackageID?
    public internal(set) var allowance: Allowance?
    public let secret: SealedSecret

    /// Rule B6.
    public internal(set) var autoRenewal: Bool
    public internal(set) var registration: RegistrationPolicy

    /// Where its day begins (rule C5).
    public internal(set) var dayOffset: UTCOffset

    /// Its home: where its codes are counted, wherever its devices connect (rule B13).
    public let dataCentre: DataCentreID
    public let createdAt: Timestamp

    /// Set once it was deleted (rule B9): its books stay, its name is not used again.
    public internal(set) var deletedAt: Timestamp?

    public var isDeleted: Bool { deletedAt != nil }

    /// A product as the command makes it, with the allowance of its package if it has one.
    public init(_ product: NewProduct, allowance: Allowance?, createdAt: Timestamp) {
        name = product.name
        account = product.account
        package = product.package
        self.allowance = allowance
        secret = product.secret
        autoRenewal = true
        registration = product.registration
        dayOffset = product.dayOffset
        dataCentre = product.dataCentre
        self.createdAt = createdAt
        deletedAt = nil
    }

    /// Of former names.
    private static var formerNamesMaximum: Int { 16 }

    mutating func rename(_ new: String) {
        guard new != name else { return }
        formerNames.removeAll { $0 == name || $0 == new }
        formerNames.append(name)
        if formerNames.count > Self.formerNamesMaximum { formerNames.removeFirst() }
        name = new
    }

    /// Whether that is a part of its name, or of one that it had.
    func isCalled(_ part: String) -> Bool {
        name.holds(part) || formerNames.contains { $0.holds(part) }
    }

    /// The second one has former names.
    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 = 2 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            formerNames.isEmpty ? Version.v1 : .v2, name, account, package, allowance, secret,
            autoRenewal, registration, dayOffset, dataCentre, createdAt, deletedAt)
        if !formerNames.isEmpty { buffer.append(list: formerNames) { $0.append(text: $1) } }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "product")
        switch version {
        case .v1, .v2:
            name = try reader.take()
            account = try reader.take()
            package = try reader.take()
            allowance = try reader.take()
            secret = try reader.take()
            autoRenewal = try reader.take()
            registration = try reader.take()
            dayOffset = try reader.take()
            dataCentre = try reader.take()
            createdAt = try reader.take()
            deletedAt = try reader.take()
        }
        if version == .v2 {
            formerNames = try reader.takeList { reader throws(MalformedRecord) in
                try reader.takeText()
            }
        }
    }
}

/// A product's pool of codes and its counters: what every activation changes, in one small record of
/// fixed size.
///
/// Codes are taken lot by lot, in the order in which the lots came (rule A9). The lot that is being
/// consumed is at hand here: `lotRemaining` codes of it are left, the next one is `nextSerial`.
public struct PoolRecord: StorageRecord, Hashable, Sendable {
    /// Codes that ever came to the product, consumed ones among them.
    public internal(set) var assigned: UInt64 = 0
    public internal(set) var consumed: UInt64 = 0

    /// Devices that are registered.
    public internal(set) var devicesKnown: UInt64 = 0

    /// Registered, enabled devices whose entitlement is open.
    public internal(set) var devicesActive: UInt64 = 0

    /// How many lots there are: their ordinals are 1 to this.
    var lots: UInt32 = 0

    /// Ordinal of the lot being consumed: 0 before the first code.
    var lot: UInt32 = 0
    var nextSerial: UInt64 = 0
    var lotRemaining: UInt64 = 0

    /// Imports in chunks that are receiving or landing. At 0, which is nearly always, no
    /// look-up asks for staged devices.
    var imports: UInt32 = 0

    /// Rule A10: `assigned = remaining + consumed`.
    public var remaining: UInt64 { assigned - consumed }

    init() {}

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1)
        buffer.append(assigned)
        buffer.append(consumed)
        buffer.append(devicesKnown)
        buffer.append(devicesActive)
        buffer.append(lots)
        buffer.append(lot)
        buffer.append(nextSerial)
        buffer.append(lotRemaining)
        buffer.append(imports)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "pool") {
        case .v1:
            assigned = try reader.takeUInt64()
            consumed = try reader.takeUInt64()
            devicesKnown = try reader.takeUInt64()
            devicesActive = try reader.takeUInt64()
            lots = try reader.takeUInt32()
            lot = try reader.takeUInt32()
            nextSerial = try reader.takeUInt64()
            lotRemaining = try reader.takeUInt64()
            imports = try reader.takeUInt32()
            guard consumed <= assigned else {
                throw .malformed(what: "pool with more used than had")
            }
        }
    }
}

/// Consecutive codes that a product got at once: it consumes its lots first in, first out (A9).
struct LotRecord: StorageRecord, Hashable, Sendable {
    let first: ActivationCode
    let quantity: UInt64
    let package: PackageID
    let at: Timestamp

    init(first: ActivationCode, quantity: UInt64, package: PackageID, at: Timestamp) {
        self.first = first
        self.quantity = quantity
        self.package = package
        self.at = at
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v1, first, quantity, package, at)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "lot") {
        case .v1: self = try reader.make(Self.init(first:quantity:package:at:))
        }
    }
}
