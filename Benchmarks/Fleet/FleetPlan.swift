public import Ledger
public import Time

/// What the books of a large fleet are like: who owns what, and what the things are called.
///
/// Half of the devices are of one product, the rest of a hundred. Nine in ten are active, their
/// periods of 365 days begun at random times of the 350 days before `now`, one in a hundred is in
/// its second period, and one in a thousand is disabled. Besides, one account has as many products as
/// a page can ask one by one, another has more, with a device each.
public struct FleetPlan: Sendable {
    public let devices: Int

    /// The day of the measurement.
    public static let now = Timestamp(milliseconds: 1_700_000_000_000)
    static let validityDays: Int64 = 365

    public static let large = product("LARGE")

    /// Owns `large` and a tenth of the small products.
    public static let owner = account("owner-0")
    public static let wide = account("wide")
    public static let wider = account("wider")

    /// How many small products there are.
    public static let smallProducts = 100
    static let owners = 10
    static let wideProducts = 900
    static let widerProducts = 1_500

    /// Assignments to each of the owner's products.
    static let assignments = 50

    /// - Parameter devices: at least a thousand.
    public init(devices: Int) {
        precondition(devices >= 1_000)
        self.devices = devices
    }

    /// Devices of `large`, numbered from 0.
    public var largeDevices: Int { devices - devices / 2 }

    /// Devices of each small product, numbered from 0.
    public var smallDevices: Int { devices / 2 / Self.smallProducts }

    struct Product {
        let key: ProductKey
        let account: AccountID
        let devices: Int
    }

    var products: [Product] {
        var list = [Product(key: Self.large, account: Self.owner, devices: largeDevices)]
        for number in 0..<Self.smallProducts {
            let owner = Self.account("owner-\(number % Self.owners)")
            list.append(Product(key: Self.small(number), account: owner, devices: smallDevices))
        }
        for number in 0..<Self.wideProducts {
            list.append(
                Product(key: Self.product("WIDE\(number)"), account: Self.wide, devices: 1))
        }
        for number in 0..<Self.widerProducts {
            list.append(
                Product(key: Self.product("WIDER\(number)"), account: Self.wider, devices: 1))
        }
        return list
    }

    public static func small(_ number: Int) -> ProductKey { product("SMALL\(number)") }

    public static func device(_ number: Int) -> DeviceKey {
        let digits = String(number)
        let zeros = String(repeating: "0", count: max(0, 9 - digits.count))
        guard let key = DeviceKey("device-\(zeros)\(digits)") else {
            preconditionFailure("letters and digits are a key")
        }
        return key
    }

    /// Devices that wait for their first connection while queries are measured.
    static func isInReserve(_ number: Int) -> Bool { number % 10 == 9 }
    static func isRenewed(_ number: Int) -> Bool { number % 100 == 1 }
    static func isDisabled(_ number: Int) -> Bool { number % 1_000 == 5 }

    static var package: PackageID {
        guard let package = PackageID("basic") else { preconditionFailure("an id") }
        return package
    }

    static func account(_ text: String) -> AccountID {
        guard let account = AccountID(text) else { preconditionFailure("an id") }
        return account
    }

    static func product(_ text: String) -> ProductKey {
        guard let product = ProductKey(text) else { preconditionFailure("a key") }
        return product
    }
}
