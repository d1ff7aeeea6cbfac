public import Time

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
