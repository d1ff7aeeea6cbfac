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

    public init(
        key: ProductKey,
        name: String,
        account: AccountID,
        package: PackageID? = nil,
        secret: SealedSecret,
        registration: RegistrationPolicy = .imported,
        dayOffset: UTCOffset = .utc
    ) {
        self.key = key
        self.name = name
        self.account = account
        self.package = package
        self.secret = secret
        self.registration = registration
        self.dayOffset = dayOffset
    }
}
