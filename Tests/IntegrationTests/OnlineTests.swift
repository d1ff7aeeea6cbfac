import Ledger
import Linux
import MQTT
import Metering
import Support
import Testing
import Time

@testable import Gateway

extension WholeGateway {
    /// Devices over time, of all nodes.
    @Suite struct OnlineTests {
        @Test("each node counts who is connected to it; a node that does not answer is named")
        func nodes() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1_000)
                let other = try await nodes[0].createProduct("chair")
                var clients: [TestClient] = []
                for index in 0..<3 {
                    let device = try await nodes.device("d\(index)", of: product)
                    clients.append(try nodes[index == 2 ? 1 : index].connect(device))
                    let code = try clients[index].publish(device.up(), "1", qos: .atLeastOnce)?.code
                    #expect(code == 0)
                }
                let now = Timestamp.now()
                let quarter = Quarter(of: now)
                let today = Day(of: now, at: .utc)
                for index in 0..<3 { await nodes[index].gateway.sampleOnline(of: quarter) }
                let span = quarter..<Quarter(number: quarter.number + 1)
                let gateway = nodes[2].gateway
                let all = try await gateway.online(of: [product.key, other.key], in: span)
                #expect(all.value == [OnlineCount(quarter: quarter, online: 3, devices: 3)])
                #expect(all.missing == [])
                try await until {
                    let usage = try await gateway.usage(of: [product.key], in: today...today)
                    return usage.value[product.key]?.first?.devices == 3 && usage.missing == []
                }
                await nodes.stop(1)
                try await until {
                    gateway.commons.neighbours?.present == [TestNodes.name(0)]
                }
                let part = try await gateway.online(of: [product.key], in: span)
                #expect(part.value == [OnlineCount(quarter: quarter, online: 1, devices: 3)])
                #expect(part.missing == [TestNodes.name(1)])
                let usage = try await gateway.usage(
                    of: [other.key, product.key], in: today...today)
                #expect(usage.missing == [TestNodes.name(1)])
                try clients[0].leave()
            }
        }
    }
}
