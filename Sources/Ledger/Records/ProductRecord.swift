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

    public func encode(into buffer: inout ByteBuffer) {
        buffer.append(RecordVersion.current)
        buffer.append(text: name)
        buffer.append(account)
        buffer.append(optional: package)
        buffer.append(optional: allowance) { $0.append($1) }
        buffer.append(secret)
        buffer.append(autoRenewal)
        buffer.append(case: registration)
        buffer.append(dayOffset)
        buffer.append(dataCentre)
        buffer.append(createdAt)
        buffer.append(optional: deletedAt) { $0.append($1) }
    }

    public init(decoding reader: inout ByteReader) throws(MalformedRecord) {
        try RecordVersion.take(from: &reader, of: "product")
        name = try reader.takeText()
        account = try reader.take(AccountID.self)
        package = try reader.takeOptional(PackageID.self)
        allowance = try reader.takeBool() ? try reader.takeAllowance() : nil
        secret = try reader.takeSealedSecret()
        autoRenewal = try reader.takeBool()
        registration = try reader.take(case: RegistrationPolicy.self)
        dayOffset = try reader.takeOffset()
        dataCentre = try reader.take(DataCentreID.self)
        createdAt = try reader.takeTimestamp()
        deletedAt = try reader.takeBool() ? try reader.takeTimestamp() : nil
    }
}
