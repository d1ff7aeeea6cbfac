public import Gateway
public import Ledger
import Storage
import Time

// Top-up packs of the account that a product belongs to.
extension TestGateway {
    /// Buys a message pack that runs for so many hours.
    public func buyPack(_ units: UInt64, for product: TestProduct, hours: Int64 = 24) async throws {
        try await submit(
            .topUps(
                .enter(
                    product.account,
                    .messages,
                    source: .purchase,
                    quantity: units,
                    expiresAt: gateway.now.adding(milliseconds: hours * 3_600_000)
                )
            )
        )
    }

    /// The account's message packs, the first to expire in front.
    public func packs(of product: TestProduct) throws -> [TopUpCounters] {
        try gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.topUps(
                of: product.account, kind: .messages, limit: 100, in: transaction)
        }.elements.map(\.record.counters)
    }

    /// How many units of the account's message packs each device has used, as the books say.
    public func unitsUsed(of product: TestProduct) throws -> [DeviceIdentity: UInt64] {
        let changes = try gateway.ledger.read { (books, transaction) throws(StoreError) in
            try books.topUpChanges(
                of: product.account, kind: .messages, limit: 100, in: transaction)
        }.elements
        let uses = changes.flatMap(\.change.uses).map { ($0.device, $0.units) }
        return Dictionary(uses, uniquingKeysWith: +)
    }

    /// What the device has used today.
    public func usedToday(_ device: TestDevice) async throws -> DeviceUsage.DayCount {
        try await gateway.usage(of: device.identity).today
    }
}
