@testable import Gateway
import Ledger
import Links
import Linux
import MQTT
import Metering
import Sessions
import Storage
import Support
import Testing

extension WholeGateway {
    /// Clients that come to another node than the one that they were connected to.
    @Suite struct RoamingTests {
        @Test(
            "[MQTT-3.1.4-3]: a device is connected to one node: the newest connection wins, wherever it is"
        )
        func takenOver() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(codes: 9)
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    var older = try nodes[0].connect(device)
                    for index in [1, 2, 0, 2, 1] {
                        let newer = try nodes[index].connect(device)
                        #expect(try older.endingCode() == 0x8E)
                        for asked in 0..<3 {
                            let connection = await nodes[asked].gateway.connection(
                                of: device.identity)
                            #expect(connection != nil)
                        }
                        #expect(await nodes[owner].gateway.onlineCount(of: product.key) == 1)
                        older = newer
                    }
                    try older.leave()
                }
                // One code for each, however often it came.
                #expect(try nodes[1].figures(of: product)?.consumed == 3)
            }
        }

        @Test("a trace at any node follows the device over all of them, and ends everywhere")
        func traced() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 100)
                let device = try await nodes.device("d1", of: product)
                let trace = DeviceTrace(of: device.identity)
                #expect(await nodes[0].gateway.begin(trace))
                var events: [TraceEvent] = []
                for index in [2, 0, 1] {
                    let client = try nodes[index].connect(device)
                    try client.publish(device.up("\(index)"), "x", qos: .atLeastOnce)
                    try await until {
                        while let event = trace.next() { events.append(event) }
                        return events.contains { event in
                            guard case .packet(let packet) = event.kind else { return false }
                            return packet.topic == device.up("\(index)")
                                && event.node == (index == 0 ? nil : "n\(index + 1)")
                        }
                    }
                    try client.leave()
                }
                let connected = events.filter {
                    if case .connected = $0.kind { true } else { false }
                }
                #expect(connected.map(\.node) == ["n3", nil, "n2"])
                #expect(trace.dropped == 0)
                await nodes[0].gateway.end(trace)
                // Told to the others behind its back.
                try await Task.sleep(for: .milliseconds(500))
                let client = try nodes[2].connect(device)
                try client.ping()
                try await Task.sleep(for: .milliseconds(500))
                while let event = trace.next() {
                    if case .connected = event.kind { Issue.record("\(event)") }
                }
                try client.leave()
            }
        }

        @Test("3.1.2.4: a session follows its client: subscriptions, queue, packet identifiers")
        func session() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1_000)
                let key = try await nodes[0].createApplication(products: [product])
                try await nodes.catchUp()
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    let sender = try nodes[1].connect(key, clientID: "sender-\(owner)")
                    let (first, _) = try nodes[0].open(device, expiry: 1_000)
                    try first.subscribe(device.down("#"))
                    #expect(try sender.publish(device.down(), "live", qos: .atLeastOnce)?.code == 0)
                    #expect(try first.message().text == "live")
                    try first.leave()
                    for number in 0..<5 {
                        let answer = try sender.publish(
                            device.down(), "\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                    }
                    for index in [2, 1, 0] {
                        let (client, connack) = try nodes[index].open(device, expiry: 1_000)
                        #expect(connack.isSessionPresent, "n\(index + 1), owner n\(owner + 1)")
                        if index == 2 {
                            for number in 0..<5 {
                                #expect(try client.message().text == "\(number)")
                            }
                        }
                        #expect(
                            try sender.publish(device.down(), "at \(index)", qos: .atLeastOnce)?
                                .code
                                == 0)
                        #expect(try client.message().text == "at \(index)")
                        try client.leave()
                    }
                    // On one node only.
                    try await until {
                        try (0..<3).reduce(0) {
                            try $0 + nodes[$1].gateway.sessions.figures().sessions
                        } == owner + 1
                    }
                    try sender.leave()
                }
            }
        }

        @Test(
            "an application's session follows it, and its filters are known everywhere; a clean start ends it"
        )
        func application() async throws {
            try await TestNodes.run { nodes in
                let publisher = try nodes[1].anonymous("publisher")
                let (first, _) = try nodes[0].open("roamer", .v5, expiry: 1_000)
                try first.subscribe("t/#")
                try first.leave()
                #expect(try publisher.publish("t/1", "1", qos: .atLeastOnce)?.code == 0)
                let (second, connack) = try nodes[2].open("roamer", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                #expect(try second.message().text == "1")
                #expect(try publisher.publish("t/2", "2", qos: .atLeastOnce)?.code == 0)
                #expect(try second.message().text == "2")
                try await until {
                    try nodes[0].gateway.sessions.figures().sessions == 0
                }
                let (third, clean) = try nodes[1].open(
                    "roamer", .v5, isCleanStart: true, expiry: 1_000)
                #expect(!clean.isSessionPresent)
                #expect(try second.endingCode() == 0x8E)
                try await until {
                    try publisher.publish("t/3", "3", qos: .atLeastOnce)?.code == 0x10
                }
                try third.ping()
            }
        }

        @Test(
            "sessions that a node had before it was started anew are found by their clients on another one"
        )
        func restarted() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 1_000)
                var devices: [TestDevice] = []
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    let (client, _) = try nodes[2].open(device, expiry: 1_000)
                    try client.subscribe(device.down("#"))
                    try client.leave()
                    devices.append(device)
                }
                let (application, _) = try nodes[2].open("roamer", .v5, expiry: 1_000)
                try application.subscribe("t/#")
                try application.leave()
                await nodes.stop(2)
                try nodes.start(2)
                try await nodes.settle()
                for device in devices {
                    let (client, connack) = try nodes[1].open(device, expiry: 1_000)
                    #expect(connack.isSessionPresent)
                    try client.leave()
                }
                let (again, connack) = try nodes[0].open("roamer", .v5, expiry: 1_000)
                #expect(connack.isSessionPresent)
                let publisher = try nodes[2].anonymous("publisher")
                #expect(try publisher.publish("t/1", "1", qos: .atLeastOnce)?.code == 0)
                #expect(try again.message().text == "1")
                try await until { try nodes[2].gateway.sessions.figures().sessions == 0 }
            }
        }

        @Test(
            "C3, C5: a device's day goes on where it was, on whichever node; C8: counted once for its product",
            arguments: [true, false])
        func day(saysGoodbye: Bool) async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 6)
                var clients: [TestClient] = []
                var devices: [TestDevice] = []
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    devices.append(device)
                    for index in 0..<3 {
                        let client = try nodes[index].connect(device)
                        for number in 0..<2 {
                            let answer = try client.publish(
                                device.up(), "\(number)", qos: .atLeastOnce)
                            #expect(answer?.code == 0)
                        }
                        if index == 2 {
                            let answer = try client.publish(
                                device.up(), "too many", qos: .atLeastOnce)
                            #expect(answer?.code == 0x97)
                        }
                        if saysGoodbye { try client.leave() } else { clients.append(client) }
                    }
                    for index in 0..<3 {
                        let usage = try await nodes[index].gateway.usage(of: device.identity)
                        #expect(usage.today.used == 6)
                    }
                }
                let today = try await nodes[0].gateway.usage(of: devices[0].identity).today.day
                try await until {
                    let days = try await nodes[1].gateway.usage(
                        of: product.key, in: today...today, limit: 1)
                    return days.first?.used == 18
                }
            }
        }

        @Test(
            "C7: a node that has gone takes no counts with it that were flushed: owner and deputy have them"
        )
        func countsOfOneThatIsGone() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 3)
                for owner in 0..<3 {
                    let device = try await nodes.device(ownedBy: owner, of: product)
                    let client = try nodes[2].connect(device)
                    for _ in 0..<3 { try client.publish(device.up(), "m", qos: .atLeastOnce) }
                    try await until {
                        let here = try nodes[0].gateway.usage.usage(of: device.identity)
                        let there = try nodes[1].gateway.usage.usage(of: device.identity)
                        return here?.days.last?.used == 3 || there?.days.last?.used == 3
                    }
                }
                nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(0))
                nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(1))
                nodes.peers.cut(from: TestNodes.name(0), to: TestNodes.name(2))
                nodes.peers.cut(from: TestNodes.name(1), to: TestNodes.name(2))
                await nodes.stop(2)
                try await nodes.settle()
                for owner in 0..<3 {
                    let device = try await nodes.known(owner, of: product)
                    let client = try nodes[0].connect(device)
                    #expect(try client.publish(device.up(), "m", qos: .atLeastOnce)?.code == 0x97)
                }
            }
        }

        @Test(
            "C7: a node that stops leaves no unit behind that it has counted, flushed before or not"
        )
        func countsOfOneThatStops() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 30)
                var devices: [TestDevice] = []
                for owner in 0..<3 {
                    devices.append(try await nodes.device(ownedBy: owner, of: product))
                    let client = try nodes[2].connect(devices[owner])
                    for _ in 0..<30 {
                        try client.publish(devices[owner].up(), "m", qos: .atLeastOnce)
                    }
                }
                await nodes.stop(2)
                try await nodes.settle()
                for device in devices {
                    let client = try nodes[0].connect(device)
                    #expect(try client.publish(device.up(), "m", qos: .atLeastOnce)?.code == 0x97)
                }
            }
        }

        @Test("kick, presence and the last ending of a device are had from every node")
        func control() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let client = try nodes[2].connect(device)
                for index in 0..<3 {
                    let presence = try await nodes[index].gateway.presence(of: [device.identity])
                    #expect(presence.map(\.isOnline) == [true])
                    #expect(await nodes[index].gateway.onlineCount(of: product.key) == 1)
                }
                #expect(await nodes[1].gateway.kick(device.identity))
                #expect(try client.endingCode() == 0x98)
                try await until {
                    await nodes[0].gateway.outcomes(of: device.identity).lastEnding?.reason
                        == .kicked
                }
                #expect(await !nodes[0].gateway.kick(device.identity))
                let presence = try await nodes[0].gateway.presence(of: [device.identity])
                #expect(presence.map(\.isOnline) == [false])
            }
        }

        @Test("B8: a device that is disabled at one node is disconnected from another")
        func disabled() async throws {
            try await TestNodes.run(2) { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device("dk1", of: product)
                let client = try nodes[1].connect(device)
                try await nodes[0].submit(.devices(.setDisabled(device.identity, true)))
                #expect(try client.endingCode() == 0x87)
            }
        }

        @Test(
            "a client that begins anew does not wait for a node that stands still, which hears of it later",
            arguments: [0, 2])
        func standsStill(still: Int) async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device(ownedBy: 0, of: product)
                // Its owner, or the node that it is connected to, does not answer.
                let before = still == 2 ? try nodes[2].connect(device) : nil
                for other in (0..<3) where other != still {
                    nodes.peers.cut(from: TestNodes.name(still), to: TestNodes.name(other))
                }
                let start = MonotonicInstant.now()
                let first = try nodes[1].connect(device)
                #expect(MonotonicInstant.now().milliseconds(since: start) < 8_000)
                nodes.peers.mend()
                if let before { #expect(try before.endingCode() == 0x8E) }
                try await until {
                    let presence = try await nodes[2].gateway.presence(of: [device.identity])
                    return presence.map(\.isOnline) == [true]
                }
                try first.ping()
                let second = try nodes[2].connect(device)
                #expect(try first.endingCode() == 0x8E)
                try second.ping()
            }
        }

        @Test(
            "a device comes in although its owner can't be reached; when links are back, one connection is left"
        )
        func partitioned() async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct()
                let device = try await nodes.device(ownedBy: 0, of: product)
                let first = try nodes[1].connect(device)
                for other in [0, 1] {
                    nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(other))
                    nodes.peers.cut(from: TestNodes.name(other), to: TestNodes.name(2))
                }
                try await until { nodes[2].gateway.commons.neighbours?.present.isEmpty == true }
                let second = try nodes[2].connect(device)
                try second.ping()
                try first.ping()
                nodes.peers.mend()
                try await nodes.settle()
                // The owner knows of one claim, and of one that came in without.
                #expect(try second.endingCode() == 0x8E)
                try first.ping()
            }
        }

        @Test(
            """
            C3, C7: while nodes can't reach each other a device has its allowance once for each side, no more; when \
            they can, it has none left at any node
            """, arguments: [0, 1, 2])
        func allowanceOfEachSide(owner: Int) async throws {
            try await TestNodes.run { nodes in
                let product = try await nodes[0].createProduct(messagesPerDay: 4)
                let device = try await nodes.device(ownedBy: owner, of: product)
                let first = try nodes[1].connect(device)
                for _ in 0..<2 {
                    #expect(try first.publish(device.up(), "m", qos: .atLeastOnce)?.code == 0)
                }
                for other in [0, 1] {
                    nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(other))
                    nodes.peers.cut(from: TestNodes.name(other), to: TestNodes.name(2))
                }
                try await until { nodes[2].gateway.commons.neighbours?.present.isEmpty == true }
                let second = try nodes[2].connect(device)
                var taken = 2
                for client in [first, second] {
                    for _ in 0..<5 {
                        let answer = try client.publish(device.up(), "m", qos: .atLeastOnce)
                        if answer?.code == 0 { taken += 1 } else { #expect(answer?.code == 0x97) }
                    }
                }
                #expect((4...8).contains(taken))
                nodes.peers.mend()
                try await nodes.settle()
                for index in 0..<3 {
                    let client = try nodes[index].connect(device)
                    #expect(try client.publish(device.up(), "m", qos: .atLeastOnce)?.code == 0x97)
                    try client.leave()
                }
            }
        }
    }
}

extension TestNodes {
    /// The device that `device(ownedBy:)` has made before.
    func known(_ index: Int, of product: TestProduct) async throws -> TestDevice {
        for number in 0..<100 {
            let identity = product.identity("dk\(index)-\(number)")
            let isThere = try self[0].gateway.ledger.read { books, transaction throws(StoreError) in
                try books.device(identity, in: transaction) != nil
            }
            guard isThere, let secret = Secret("secret-of-\(identity.device)") else { continue }
            return TestDevice(identity: identity, secret: secret)
        }
        preconditionFailure("no device of n\(index + 1)")
    }
}

extension TestGateway {
    /// A device with a session that lasts `expiry` seconds.
    func open(_ device: TestDevice, expiry: UInt32) throws -> (TestClient, TestPacket.Connack) {
        let client = try TestClient(port: plainPort, version: .v5)
        let connack = try client.connect(
            as: .signed(device, secureMode: 3), isCleanStart: false, keepAliveSeconds: 600
        ) { $0.sessionExpiryInterval(seconds: expiry) }
        guard connack.code == 0 else { throw TestRefusal(connack: connack) }
        return (client, connack)
    }
}
