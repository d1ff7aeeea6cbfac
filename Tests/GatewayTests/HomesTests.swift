import Ledger
import Testing

@testable import Gateway

@Suite struct HomesTests {
    private func device(_ product: String, _ device: String) -> DeviceIdentity {
        DeviceIdentity(product: ProductKey(product)!, device: DeviceKey(device)!)
    }

    /// Counted with another implementation of FNV-1a.
    @Test(
        "A device's home is the same on every shard and in every run",
        arguments: [
            ("pk1", "dev-1", [1, 1, 5, 61]), ("pk1", "dev-2", [0, 0, 0, 8]),
            ("pk2", "dev-1", [1, 2, 1, 33]),
        ]
    )
    func stable(product: String, key: String, homes: [Int]) {
        let identity = device(product, key)
        let found = [2, 3, 8, 64].map { Homes(shards: $0).shard(of: identity) }
        #expect(found == homes)
        #expect(Homes(shards: 1).shard(of: identity) == 0)
        let claimed = Homes(shards: 64)
            .shard(
                of: .device(identity, proof: .secret),
                clientID: "any".utf8Span.span,
                acceptedOn: 0
            )
        #expect(claimed == homes[3])
    }

    @Test("Devices with numbered keys are spread evenly")
    func spread() {
        let homes = Homes(shards: 4)
        var counts = [0, 0, 0, 0]
        for number in 0..<10_000 { counts[homes.shard(of: device("pk", "dev\(number)"))] += 1 }
        #expect(counts.allSatisfy { (2_250...2_750).contains($0) }, "\(counts)")
    }
}
