@testable public import LedgerModel

/// A run of a gateway that is alone.
extension GatewayRun: ExpressibleByIntegerLiteral {
    public init(integerLiteral number: UInt64) { self.init(node: .alone, number: number) }
}
