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
