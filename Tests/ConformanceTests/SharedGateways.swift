import Support
import Testing

/// Starts the gateways before the first test of a suite, and stops them after its last.
struct SharedGateways: SuiteTrait, TestScoping {
    var isRecursive: Bool { false }

    @concurrent
    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await TestGateway.run(shards: 1) { one in
            try await TestGateway.run(shards: 4) { four in
                try await Conformance.$gateways.withValue([1: one, 4: four]) {
                    try await function()
                }
            }
        }
    }
}

extension Trait where Self == SharedGateways {
    /// Lends a gateway with one shard and one with four to all tests of the suite.
    static var gateways: Self { SharedGateways() }
}
