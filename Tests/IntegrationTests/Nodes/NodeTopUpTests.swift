import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Units of an account's packs on several nodes (rule C6).
    @Suite struct NodeTopUpTests {
        @Test(
            "C6: units that one node holds and does not use are had by a device on another one; not one is used twice",
            arguments: [1, 2])
        func recall(shards: Int) async throws {
            try await TestNodes.run(shards: shards) {
                // What is not drawn from goes back by itself at a flush: not before this is over.
                $0.metering.flushIntervalSeconds = 3_600
            } _: { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1)
                var clients: [(device: TestDevice, client: TestClient)] = []
                for index in 0..<3 {
                    let device = try await nodes.device("dk\(index)", of: product)
                    clients.append((device, try nodes[index].connect(device)))
                }
                try await nodes[0].buyPack(30, for: product)
                try await nodes.catchUp()
                // Each of them uses its allowance, and then nine units that another one has leased.
                for (device, client) in clients {
                    for number in 0..<10 {
                        let answer = try client.publish(device.up(), "\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0, "\(device.identity) \(number)")
                    }
                }
                // Three are left, wherever they are, and no more.
                let (device, client) = clients[0]
                for number in 0..<3 {
                    let answer = try client.publish(device.up(), "\(number)", qos: .atLeastOnce)
                    #expect(answer?.code == 0)
                }
                #expect(try client.publish(device.up(), "late", qos: .atLeastOnce)?.code == 0x97)
            }
        }
    }
}
