import Gateway
import Ledger
import Links
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Messages between the nodes of a cluster: from devices to applications, from applications to devices.
    @Suite struct NodeMessageTests {
        @Test(
            "a device's message reaches applications on every node, once, and is acknowledged when they have it"
        )
        func uplink() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let readers = try (0..<3).map { index in
                    let reader = try nodes[index].connect(key, clientID: "reader-\(index)")
                    try reader.subscribe("d/lamp/+/up/#")
                    return reader
                }
                for index in 0..<3 {
                    let client = try nodes[index].connect(device)
                    for number in 0..<20 {
                        let answer = try client.publish(
                            device.up(), "\(index)-\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                    }
                    for reader in readers {
                        for number in 0..<20 {
                            #expect(try reader.message().text == "\(index)-\(number)")
                        }
                    }
                    try client.leave()
                }
            }
        }

        @Test(
            "filters that are withdrawn, or whose application has gone, get nothing from any node")
        func withdrawn() async throws {
            try await TestNodes.run(2) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let client = try nodes[1].connect(device)
                client.tellsUnheard = true
                let first = try nodes[0].connect(key, clientID: "first")
                let second = try nodes[0].connect(key, clientID: "second")
                try first.subscribe("d/lamp/dk1/up/#")
                try second.subscribe("d/lamp/dk1/up/#")
                #expect(try client.publish(device.up(), "1", qos: .atLeastOnce)?.code == 0)
                _ = try first.unsubscribe("d/lamp/dk1/up/#")
                #expect(try client.publish(device.up(), "2", qos: .atLeastOnce)?.code == 0)
                #expect(try second.message().text == "1")
                #expect(try second.message().text == "2")
                try second.leave()
                try await until {
                    try client.publish(device.up(), "3", qos: .atLeastOnce)?.code == 0x10
                }
                #expect(try first.message().text == "1")
                try first.ping()
            }
        }

        @Test(
            "C10: a message to a device finds it on any node, and its sender hears what became of it",
            arguments: [1, 3])
        func downlink(shards: Int) async throws {
            try await TestNodes.run(shards: shards) { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 8)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                // Owned by each node, so that the message has every way to go.
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    let sender = try nodes[0].connect(key, clientID: "sender-\(owner)")
                    sender.tellsUnheard = true
                    #expect(try sender.publish(device.down(), "0", qos: .atLeastOnce)?.code == 0x10)
                    let client = try nodes[2].connect(device)
                    #expect(try sender.publish(device.down(), "0", qos: .atLeastOnce)?.code == 0x10)
                    try client.subscribe(device.down("#"))
                    for number in 1...8 {
                        let answer = try sender.publish(
                            device.down(), "\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                        #expect(try client.message().text == "\(number)")
                    }
                    #expect(try sender.publish(device.down(), "9", qos: .atLeastOnce)?.code == 0x97)
                    let downlink = Downlink(
                        topic: try #require(Downlink.Topic("set")), payload: [1])
                    #expect(
                        await nodes[1].gateway.send(downlink, to: device.identity) == .quotaExceeded
                    )
                    try client.leave()
                    try sender.leave()
                }
            }
        }

        @Test(
            "4.8.2: a share has members on all nodes: those of the publisher's node come first, then the connected"
        )
        func share() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1_000)
                let device = try await nodes.device("dk1", of: product)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                let client = try nodes[2].connect(device)
                var members = try (0..<3).map { index in
                    let member = try nodes[index].connect(key, clientID: "member-\(index)")
                    try member.subscribe("$share/group/d/lamp/+/up/#")
                    return member
                }
                for number in 0..<10 {
                    #expect(
                        try client.publish(device.up(), "\(number)", qos: .atLeastOnce)?.code == 0)
                    #expect(try members[2].message().text == "\(number)")
                }
                try members.removeLast().leave()
                let answer = try client.publish(device.up(), "sign", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                for number in 0..<20 {
                    #expect(
                        try client.publish(device.up(), "\(number)", qos: .atLeastOnce)?.code == 0)
                }
                var texts: [String] = []
                for member in members {
                    try member.ping()
                    while let message = try? member.message(seconds: 0.3) {
                        texts.append(message.text)
                    }
                }
                #expect(texts.filter { $0 != "sign" }.count == 20)
                #expect(Set(texts).count == 21)
            }
        }

        @Test(
            "4.3.3: QoS 2 to applications on other nodes, in stored sessions of both sides, comes once"
        )
        func exactlyOnce() async throws {
            try await TestNodes.run(2) { nodes in
                let (reader, _) = try nodes[0].open("reader", .v5, expiry: 1_000)
                try reader.subscribe("t/#", qos: .exactlyOnce)
                let (writer, _) = try nodes[1].open("writer", .v5, expiry: 1_000)
                for number in 0..<10 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                for number in 0..<10 {
                    #expect(try reader.message().topic == "t/\(number)")
                }
                // One who is away.
                try reader.leave()
                for number in 10..<20 {
                    #expect(try writer.publish("t/\(number)", "m", qos: .exactlyOnce)?.code == 0)
                }
                let (again, connack) = try nodes[0].open("reader", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                for number in 10..<20 { #expect(try again.message().topic == "t/\(number)") }
            }
        }

        @Test(
            "a node that has just started knows all applications before it takes the first message"
        )
        func welcomed() async throws {
            try await TestNodes.run(2) { nodes in
                let reader = try nodes[0].anonymous("reader")
                try reader.subscribe("t/#")
                for round in 0..<3 {
                    await nodes.stop(1)
                    nodes.peers.cut(from: TestNodes.name(1), to: TestNodes.name(0))
                    try nodes.start(1)
                    let peers = nodes.peers
                    Task {
                        try await Task.sleep(for: .milliseconds(300))
                        peers.mend()
                    }
                    let publisher = try nodes[1].anonymous("publisher")
                    publisher.tellsUnheard = true
                    #expect(try publisher.publish("t/1", "\(round)", qos: .atLeastOnce)?.code == 0)
                    #expect(try reader.message().text == "\(round)")
                }
            }
        }

        @Test(
            "a node that has gone gets nothing, and what it had is not waited for; back again, it does"
        )
        func gone() async throws {
            try await TestNodes.run { nodes in
                let reader = try nodes[0].anonymous("reader")
                try reader.subscribe("t/#")
                let publisher = try nodes[1].anonymous("publisher")
                #expect(try publisher.publish("t/1", "1", qos: .atLeastOnce)?.code == 0)
                #expect(try reader.message().text == "1")
                await nodes.stop(0)
                try await until {
                    try publisher.publish("t/2", "2", qos: .atLeastOnce)?.code == 0x10
                }
                try nodes.start(0)
                try await nodes.settle()
                let again = try nodes[0].anonymous("reader")
                try again.subscribe("t/#")
                #expect(try publisher.publish("t/3", "3", qos: .atLeastOnce)?.code == 0)
                #expect(try again.message().text == "3")
            }
        }
    }
}
