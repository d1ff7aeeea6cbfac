import Foundation
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Presence of devices, and the gateways' own figures, across the nodes of a cluster.
    @Suite struct NodePresenceTests {
        @Test(
            "presence comes to applications at every node, once, by filters that name it",
            arguments: [1, 3])
        func everywhere(shards: Int) async throws {
            try await TestNodes.run(shards: shards) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let readers = try (0..<3).map { index in
                    try nodes[index].connect(
                        key, clientID: "reader-\(index)", subscribedTo: "d/lamp/+/presence")
                }
                let others = try (0..<3).map { index in
                    try nodes[index].connect(
                        key, clientID: "other-\(index)", subscribedTo: "d/lamp/#")
                }
                for index in 0..<3 {
                    let client = try nodes[index].connect(device)
                    try client.publish(device.up(), "\(index)", qos: .atLeastOnce)
                    try client.leave()
                    for reader in readers {
                        #expect(try reader.presenceWords(of: device) == "connected")
                        #expect(
                            try reader.presenceWords(of: device) == "disconnected disconnected")
                    }
                    for other in others { #expect(try other.message().text == "\(index)") }
                }
                for (index, reader) in readers.enumerated() {
                    #expect(try await nodes[index].unread(by: reader) == [])
                    #expect(try await nodes[index].unread(by: others[index]) == [])
                }
            }
        }

        @Test("of a share with members at all nodes one gets each message")
        func shared() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(codes: 20)
                var devices: [TestDevice] = []
                for number in 0..<6 {
                    devices.append(try await nodes.device("dk\(number)", of: product))
                }
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let members = try [0, 1].map { index in
                    try nodes[index].connect(
                        key, clientID: "member-\(index)",
                        subscribedTo: "$share/g/d/lamp/+/presence")
                }
                for device in devices { try nodes[2].connect(device).leave() }
                var topics: [String] = []
                try await until {
                    for (index, member) in members.enumerated() {
                        await nodes[index].settle()
                        while let message = try? member.message(seconds: 0.1) {
                            topics.append(message.topic)
                        }
                    }
                    return topics.count >= 12
                }
                let expected = devices.flatMap { [$0, $0] }.map { "\($0.topicPrefix)presence" }
                #expect(topics.sorted() == expected.sorted())
            }
        }

        @Test("a device that changes nodes has gone from one, and come to the other")
        func moved() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device(ownedBy: 1, of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let reader = try nodes[2].connect(key, subscribedTo: "d/lamp/+/presence")
                let first = try nodes[0].connect(device)
                let arrival = try reader.presence(of: device)
                #expect(arrival.state == "connected")
                let second = try nodes[1].connect(device)
                #expect(try first.endingCode() == 0x8E)
                // From two nodes they may come in either order; connectedAt tells them apart.
                let notices = try [reader.presence(of: device), reader.presence(of: device)]
                let departure = try #require(notices.first { $0.state == "disconnected" })
                let next = try #require(notices.first { $0.state == "connected" })
                #expect(departure.reason == "session-taken-over")
                #expect(departure.connectedAt == arrival.connectedAt)
                #expect(next.connectedAt != arrival.connectedAt)
                try second.leave()
                let end = try reader.presence(of: device)
                #expect(end.connectedAt == next.connectedAt && end.reason == "disconnected")
                #expect(try await nodes[2].unread(by: reader) == [])
            }
        }

        @Test("an application whose node is stopped hears of presence when that one is back")
        func nodeAway() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let reader = try nodes[2].resume(key)
                #expect(try reader.subscribe("d/lamp/+/presence") == [1])
                try reader.leave()
                await nodes.stop(2)
                try nodes[0].connect(device).leave()
                try nodes.start(2)
                try await nodes.settle()
                let back = try nodes[2].resume(key)
                #expect(try back.presenceWords(of: device) == "connected")
                #expect(try back.presenceWords(of: device) == "disconnected disconnected")
            }
        }

        @Test("an application gets the figures of all nodes, by their names")
        func systemTopics() async throws {
            try await TestNodes.run { nodes in
                let key = try await nodes[0].createApplication()
                try await nodes.catchUp()
                let reader = try nodes[1].connect(key, subscribedTo: "$SYS/brokers/+/version")
                let upkeep = (0..<3).map { index in
                    let gateway = nodes[index].gateway
                    return Task { await gateway.upkeep(version: "of n\(index + 1)") }
                }
                var told: Set<String> = []
                while told.count < 3 {
                    let message = try reader.message()
                    told.insert("\(message.topic) \(message.text)")
                }
                #expect(
                    told.sorted() == (1...3).map { "$SYS/brokers/n\($0)/version of n\($0)" })
                for task in upkeep {
                    task.cancel()
                    await task.value
                }
            }
        }
    }
}
