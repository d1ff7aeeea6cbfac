public import Bytes
public import Storage
public import Time

/// The settings of a product as the books keep them. They change rarely, so that readers may cache
/// them; what every activation changes is in `PoolRecord`.
public struct ProductRecord: StorageRecord, Hashable, Sendable {
    public internal(set) var name: String
    public let account: AccountID

    /// Its one package (rule A4), with the allowance it gives; `nil` before the first codes.
    public internal(set) var package: PackageID?
    public internal(set) var allowance: Allowance?

    /// How it has come to its package; means nothing before it has one.
    public internal(set) var packageOrigin: PackageOrigin

    /// The package of its free codes, with what they give, whatever package the product has (rule A4):
    /// what that package says, raised by the upgrades since. `nil` before the first of them.
    public internal(set) var freePackage: PackageID?
    public internal(set) var freeAllowance: Allowance?

    /// `nil`: it was revoked.
    public internal(set) var secret: SealedSecret?

    /// The one before, until then.
    public internal(set) var previousSecret: SealedSecret?
    public internal(set) var previousUntil: Timestamp?

    /// What it was called before, the latest last: the history is found by these, too (rule A3).
    public internal(set) var formerNames: [String] = []

    /// Rule B6.
    public internal(set) var autoRenewal: Bool
    public internal(set) var registration: RegistrationPolicy

    /// Where its day begins (rule C5).
    public internal(set) var dayOffset: UTCOffset

    /// Its home: where its codes are counted, wherever its devices connect (rule B13).
    public let dataCentre: DataCentreID

    /// Where its devices' messages go, beside the applications; `nil`: nowhere else.
    public internal(set) var uplink: UplinkStream?

    /// Whether its devices' messages are stored (rule D3).
    public internal(set) var messageLog = false

    /// How its devices connect; `nil`: as Wire.md has it.
    public internal(set) var dialect: Dialect?

    /// What each of its devices may send and have under way; `nil`: what the listeners allow.
    public internal(set) var limits: TrafficLimits?

    /// Whether what its devices say of their state is counted as messages are.
    public internal(set) var countsState = false

    /// What they publish without being counted (rule C13).
    public internal(set) var uncounted: [TopicPattern] = []
    public let createdAt: Timestamp

    /// Set once it was deleted (rule B9): its books stay, its name is not used again.
    public internal(set) var deletedAt: Timestamp?

    public var isDeleted: Bool { deletedAt != nil }

    /// Which devices have what free codes give, as far as the product alone can say.
    public var freeDevices: FreeDevices {
        if packageOrigin == .freeCodes, package != nil { return .all }
        return freeAllowance == nil || freeAllowance == allowance ? .none : .some
    }

    /// Codes of a package have come: the first that are bought bring the product's, and so do free ones
    /// as long as there are no others; the first free ones say what free ones give (rule A4).
    mutating func receive(_ package: PackageID, _ allowance: Allowance, from source: CodeSource) {
        let hasFreeOnly = self.package != nil && packageOrigin == .freeCodes
        if self.package == nil || (hasFreeOnly && source == .purchase) {
            self.package = package
            self.allowance = allowance
            switch source {
            case .purchase: packageOrigin = .codes
            case .grant: packageOrigin = .freeCodes
            }
        }
        if source == .grant, freePackage == nil {
            freePackage = package
            freeAllowance = allowance
        }
    }

    /// Of former names.
    static var formerNamesMaximum: Int { 16 }

    mutating func rename(_ new: String) {
        guard new != name else { return }
        formerNames.removeAll { $0 == name || $0 == new }
        formerNames.append(name)
        if formerNames.count > Self.formerNamesMaximum { formerNames.removeFirst() }
        name = new
    }

    /// The secret before the present one, while it is taken still.
    public func previousSecret(at time: Timestamp) -> SealedSecret? {
        guard let previousUntil, time < previousUntil else { return nil }
        return previousSecret
    }

    /// A product as the command makes it, with the allowance of its package if it has one.
    public init(_ product: NewProduct, allowance: Allowance?, createdAt: Timestamp) {
        name = product.name
        account = product.account
        package = product.package
        self.allowance = allowance
        packageOrigin = .named
        secret = product.secret
        autoRenewal = true
        registration = product.registration
        dayOffset = product.dayOffset
        dataCentre = product.dataCentre
        self.createdAt = createdAt
        deletedAt = nil
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2, v3, v4, v5, v6, v7, v8, v9 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(
            Version.v9, name, account, package, allowance, packageOrigin, secret, autoRenewal,
            registration, dayOffset, dataCentre, createdAt, deletedAt, previousSecret,
            previousUntil, formerNames)
        buffer.append(
            fields: freePackage, freeAllowance, uplink, messageLog, dialect, limits, countsState,
            uncounted)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "product")
        name = try reader.take()
        account = try reader.take()
        package = try reader.take()
        allowance = try reader.take()
        switch version {
        case .v1:
            packageOrigin = .codes
            secret = try reader.take(SealedSecret.self)
        case .v2, .v3, .v4, .v5, .v6, .v7, .v8, .v9:
            packageOrigin = try reader.take()
            secret = try reader.take()
        }
        autoRenewal = try reader.take()
        registration = try reader.take()
        dayOffset = try reader.take()
        dataCentre = try reader.take()
        createdAt = try reader.take()
        deletedAt = try reader.take()
        switch version {
        case .v1: break
        case .v2, .v3, .v4, .v5, .v6, .v7, .v8, .v9:
            previousSecret = try reader.take()
            previousUntil = try reader.take()
            formerNames = try reader.take()
        }
        switch version {
        case .v1, .v2: break
        case .v3, .v4, .v5, .v6, .v7, .v8, .v9:
            freePackage = try reader.take()
            freeAllowance = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3: break
        case .v4, .v5, .v6, .v7, .v8, .v9: uplink = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3, .v4: break
        case .v5, .v6, .v7, .v8, .v9: messageLog = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3, .v4, .v5: break
        case .v6, .v7, .v8, .v9: dialect = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3, .v4, .v5, .v6: break
        case .v7, .v8, .v9: limits = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3, .v4, .v5, .v6, .v7: break
        case .v8, .v9: countsState = try reader.take()
        }
        switch version {
        case .v1, .v2, .v3, .v4, .v5, .v6, .v7, .v8: break
        case .v9: uncounted = try reader.take()
        }
    }
}

/// How a product has come to its package, and so what may take its place (rule A4).
public enum PackageOrigin: UInt8, RecordField, Hashable, Sendable, CaseIterable {
    /// Named when the product was created or upgraded: only an upgrade changes it.
    case named = 1

    /// By the first codes that were bought.
    case codes = 2

    /// It has free codes only: the first that are bought bring theirs.
    case freeCodes = 3
}

/// Which devices of a product have what free codes give, and not what its package gives.
public enum FreeDevices: Hashable, Sendable {
    /// There is no difference.
    case none

    /// Those whose entitlement is of a free code.
    case some

    /// There were no other codes.
    case all
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

    /// Codes of lots that were consumed, and given back by a correction (rule A11): they go first.
    var returned: UInt32 = 0

    /// Imports in chunks that are receiving or landing. At 0, which is nearly always, no
    /// look-up asks for staged devices.
    var imports: UInt32 = 0

    /// Rule A10: `assigned = remaining + consumed`.
    public var remaining: UInt64 { assigned - consumed }

    init() {}

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2, v3 }

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v3)
        buffer.append(assigned)
        buffer.append(consumed)
        buffer.append(devicesKnown)
        buffer.append(devicesActive)
        buffer.append(lots)
        buffer.append(lot)
        buffer.append(nextSerial)
        buffer.append(lotRemaining)
        buffer.append(imports)
        buffer.append(returned)
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        let version = try reader.take(Version.self, of: "pool")
        assigned = try reader.takeUInt64()
        consumed = try reader.takeUInt64()
        devicesKnown = try reader.takeUInt64()
        devicesActive = try reader.takeUInt64()
        lots = try reader.takeUInt32()
        lot = try reader.takeUInt32()
        nextSerial = try reader.takeUInt64()
        lotRemaining = try reader.takeUInt64()
        imports = try reader.takeUInt32()
        switch version {
        case .v1: break
        case .v2:
            // How long a free code of the lot entitled: the product says it since.
            _ = try reader.takeUInt32()
            returned = try reader.takeUInt32()
        case .v3: returned = try reader.takeUInt32()
        }
        guard consumed <= assigned else {
            throw .malformed(what: "pool with more used than had")
        }
    }
}

/// Consecutive codes that a product got at once: it consumes its lots first in, first out (A9).
struct LotRecord: StorageRecord, Hashable, Sendable {
    let first: ActivationCode
    let quantity: UInt64
    let package: PackageID
    let at: Timestamp

    /// Number of the assignment's event that brought it, 0 for a purchase; `nil` when that was not
    /// written down.
    let assignment: UInt64?

    init(
        first: ActivationCode, quantity: UInt64, package: PackageID, at: Timestamp,
        assignment: UInt64?
    ) {
        self.first = first
        self.quantity = quantity
        self.package = package
        self.at = at
        self.assignment = assignment
    }

    /// The same without its last codes.
    func cut(to quantity: UInt64) -> LotRecord {
        LotRecord(
            first: first, quantity: quantity, package: package, at: at, assignment: assignment)
    }

    private enum Version: UInt8, RecordVersion { case v1 = 1, v2 }

    func encode(into buffer: inout ByteBuffer) {
        buffer.append(Version.v2, first, quantity, package, at, assignment)
    }

    init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        switch try reader.take(Version.self, of: "lot") {
        case .v1:
            self = try reader.make {
                Self(first: $0, quantity: $1, package: $2, at: $3, assignment: nil)
            }
        case .v2: self = try reader.make(Self.init(first:quantity:package:at:assignment:))
        }
    }
}
