public import Ledger

extension GatewayConfiguration {
    /// The codes that accounts and products are given when they are created (rule A7).
    public struct FreeCodes: Equatable, Sendable {
        /// How many, and what for.
        public enum Policy: String, CaseIterable, Equatable, Sendable {
            /// A new account gets 10 as an enterprise and 5 as an individual, and 5 more when it is
            /// certified.
            case perAccount = "account-10-5"

            /// Each new product gets 100 if its account is an enterprise, 20 if it is an individual.
            case perProduct = "product-100-20"
            case none
        }

        /// `account-10-5`, `product-100-20` or `none`. Default: `account-10-5`.
        public var policy = Policy.perAccount

        /// The package that free codes are of. It is made with the allowance below when it does not
        /// exist; afterwards it stays as it is. 1 to 64 of `[A-Za-z0-9_.-]`. Default: `free`.
        public var package = "free"

        /// Unit: days. Range: 1 to 36,500. Default: 365.
        public var validityDays = 365

        /// Unit: messages per device. Range: 0 to 4,294,967,295. Default: 1,500.
        public var messagesPerDay = 1_500

        /// Unit: attempts per device. Range: 0 to 1,000,000. Default: 1.
        public var otaPerMonth = 1

        /// How long stored messages are kept. Unit: days. Range: 0 to 36,500. Default: 7.
        public var storageDays = 7

        public init() {}

        /// What commands carry; `nil` when no free codes are given. Of a valid configuration.
        public var terms: FreeCodeTerms? {
            let name = policy.rawValue
            guard let policy = FreeCodePolicy.allCases.first(where: { $0.name == name }) else {
                return nil
            }
            guard let package = PackageID(package),
                let allowance = Allowance(
                    validityDays: UInt32(validityDays),
                    messagesPerDay: UInt64(messagesPerDay),
                    otaPerMonth: UInt32(otaPerMonth),
                    storageDays: UInt32(storageDays)
                )
            else { preconditionFailure("a configuration that was not validated") }
            return FreeCodeTerms(policy: policy, package: package, allowance: allowance)
        }
    }
}
