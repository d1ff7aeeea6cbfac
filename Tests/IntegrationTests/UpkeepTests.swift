import Gateway
import Ledger
import Storage
import Support
import Testing
import Time

extension WholeGateway {
    /// What is done whether anybody is connected or not.
    @Suite struct UpkeepTests {
        @Test("C6: upkeep closes top-up packs that have expired with units left")
        func expiry() async throws {
            try await TestGateway.run { gateway in
                _ = try await gateway.createProduct()
                let account = try #require(AccountID("account-lamp"))
                let expiresAt = gateway.now.adding(milliseconds: 30)
                for kind in TopUpKind.allCases {
                    try await gateway.submit(
                        .topUps(
                            .enter(
                                account,
                                kind,
                                source: .gift,
                                quantity: 7,
                                expiresAt: expiresAt
                            )
                        )
                    )
                }
                while gateway.now < expiresAt { try await Task.sleep(for: .milliseconds(5)) }
                let running = gateway.gateway
                let upkeep = Task { await running.upkeep() }
                defer { upkeep.cancel() }
                for kind in TopUpKind.allCases {
                    var expired: UInt64 = 0
                    for _ in 0..<400 where expired != 7 {
                        try await Task.sleep(for: .milliseconds(5))
                        expired = try running.ledger.read {
                            (books, transaction) throws(StoreError) in
                            try books.topUpTotals(of: account, kind, in: transaction).expired
                        }
                    }
                    #expect(expired == 7)
                }
            }
        }
    }
}
