public import Bytes
public import Encoding
public import Time

/// A product to be created. Automatic renewal starts switched on (rule B6).
public struct NewProduct: Hashable, Sendable {
    public let key: ProductKey
    public let name: String
    public let account: AccountID

    /// Usually `nil`: the first purchase or assignment sets it (rule A4).
    public let package: PackageID?
    public let secret: SealedSecret
    public let registration: RegistrationPolicy
    public let dayOffset: UTCOffset

    /// Its home: where its codes are counted, wherever its devices connect (rule B13).
    public let dataCentre: DataCentreID

    /// Rule A7. `nil`: none are given. They set the product's package if it has none, and one that
    /// starts with another package than the terms' gets none.
    public let freeCodes: FreeCodeTerms?

    public init(
        key: ProductKey,
        name: String,
        account: AccountID,
        package: PackageID? = nil,
        secret: SealedSecret,
        registration: RegistrationPolicy = .imported,
        dayOffset: UTCOffset = .utc,
        dataCentre: DataCentreID = .main,
        freeCodes: FreeCodeTerms? = nil
    ) {
        self.key = key
        self.name = name
        self.account = account
        self.package = package
        self.secret = secret
        self.registration = registration
        self.dayOffset = dayOffset
        self.dataCentre = dataCentre
        self.freeCodes = freeCodes
    }
}

/// The parts in order, within the bytes of an action.
extension NewProduct: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(key)
        buffer.append(text: name)
        buffer.append(account)
        buffer.append(optional: package)
        buffer.append(secret)
        buffer.append(case: registration)
        buffer.append(dayOffset)
        buffer.append(dataCentre)
        buffer.append(optional: freeCodes) { $1.encode(into: &$0) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            key: try reader.take(ProductKey.self),
            name: try reader.takeText(),
            account: try reader.take(AccountID.self),
            package: try reader.takeOptional(PackageID.self),
            secret: try reader.takeSealedSecret(),
            registration: try reader.take(case: RegistrationPolicy.self),
            dayOffset: try reader.takeOffset(),
            dataCentre: try reader.take(DataCentreID.self),
            freeCodes: try reader.takeBool() ? try FreeCodeTerms(decoding: &reader) : nil
        )
    }
}

/// The settings of a product that a command changes; what is `nil` stays as it is.
public struct ProductUpdate: Hashable, Sendable {
    public var name: String?

    /// Rule B6. Switching it off keeps the devices' exceptions.
    public var autoRenewal: Bool?
    public var registration: RegistrationPolicy?

    /// Where the product's day begins (rule C5).
    public var dayOffset: UTCOffset?

    public init(
        name: String? = nil,
        autoRenewal: Bool? = nil,
        registration: RegistrationPolicy? = nil,
        dayOffset: UTCOffset? = nil
    ) {
        self.name = name
        self.autoRenewal = autoRenewal
        self.registration = registration
        self.dayOffset = dayOffset
    }
}

/// The parts in order, within the bytes of an action.
extension ProductUpdate: StorageRecord {
    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(optional: name) { $0.append(text: $1) }
        buffer.append(optional: autoRenewal) { $0.append($1) }
        buffer.append(optional: registration) { $0.append(case: $1) }
        buffer.append(optional: dayOffset) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        self.init(
            name: try reader.takeBool() ? try reader.takeText() : nil,
            autoRenewal: try reader.takeBool() ? try reader.takeBool() : nil,
            registration: try reader.takeBool()
                ? try reader.take(case: RegistrationPolicy.self) : nil,
            dayOffset: try reader.takeBool() ? try reader.takeOffset() : nil
        )
    }
}

/// Which devices of a product may get themselves registered by connecting (Wire.md, "Registration").
public enum RegistrationPolicy: UInt8, Hashable, Sendable, CaseIterable {
    /// Any device that proves the ProductSecret or presents a certificate of ours.
    case open = 1

    /// Only devices whose DeviceKey was imported before.
    case imported = 2

    /// None: imported devices come with their secret.
    case closed = 3

    /// Its name in the API.
    public var name: String {
        switch self {
        case .open: "open"
        case .imported: "imported"
        case .closed: "closed"
        }
    }
}
