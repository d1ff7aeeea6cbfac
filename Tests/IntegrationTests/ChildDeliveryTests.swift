import Bytes
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What is published for a device's children, and what is sent to them, when something ends or is full meanwhile.
    @Suite struct ChildDeliveryTests {
        private static let kept = #","sessionExpirySeconds":3600"#

        // MARK: To a child

        @Test(
            "what the parent's client has not acknowledged stays in the child's session, and comes with that",
            arguments: [1, 4])
        func unacknowledged(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                for round in 0..<3 {
                    let parent = try ParentClient(gateway, devices[0])
                    if round == 0 {
                        try parent.attach(devices[1], more: Self.kept)
                        parent.client.acknowledgesMessages = false
                        let answer = try backend.publish(
                            devices[1].down(), "kept", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                        #expect(try parent.client.message().text == "kept")
                    } else {
                        try parent.ask(for: devices[1], more: Self.kept)
                        if round == 1 {
                            let message = try parent.client.message()
                            let other = try parent.client.message()
                            let texts = [message, other].filter { $0.topic == devices[1].down() }
                            #expect(texts.map(\.text) == ["kept"])
                        } else {
                            #expect(try parent.answer().name == "/attached")
                        }
                        // It has been acknowledged, and does not come again.
                        #expect(try await gateway.unread(by: parent.client) == [])
                    }
                    try parent.client.leave()
                    await gateway.settle()
                }
                // Counted once.
                #expect(try await gateway.usedToday(devices[1]).used == 1)
            }
        }

        @Test("while the parent's line is full its children's messages wait, and none is lost")
        func full() async throws {
            try await TestGateway.run(shards: 2, configure: { $0.limits.queueMessages = 4 }) {
                gateway in
                let names = (0..<8).map { "c\($0)" }
                let product = try await gateway.createProduct(codes: 9)
                let devices = try await gateway.importDevices(["hub"] + names, into: product)
                let children = devices.dropFirst()
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let parent = try ParentClient(
                    gateway, devices[0], expirySeconds: 0, receiveMaximum: 1)
                for child in children { try parent.attach(child, more: Self.kept) }
                parent.client.acknowledgesMessages = false
                for number in 0..<2 {
                    for child in children {
                        // The last one finds the line full.
                        await gateway.settle()
                        let answer = try backend.publish(
                            child.down(), "\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                    }
                }
                await gateway.settle()
                let first = try parent.client.message()
                // One child ends while its message waits: that stays in its session.
                try parent.detach(children[8])
                #expect(try parent.answer().1.dk == "c7")
                parent.client.acknowledgesMessages = true
                let packetID = try #require(first.packetID)
                try parent.client.send {
                    Puback.encode(packetID: packetID, version: .v5, into: &$0)
                }
                var texts = ["\(first.topic) \(first.text)"]
                for _ in 0..<13 {
                    let message = try parent.client.message()
                    texts.append("\(message.topic) \(message.text)")
                }
                for child in children.dropLast() {
                    let own = texts.filter { $0.hasPrefix(child.down()) }
                    #expect(own == ["\(child.down()) 0", "\(child.down()) 1"], "\(texts)")
                }
                #expect(try await gateway.unread(by: parent.client) == [])
                try parent.ask(for: children[8], more: Self.kept)
                var late: [String] = []
                for _ in 0..<3 { late.append(try parent.client.message().text) }
                #expect(late.filter { $0.count == 1 } == ["0", "1"])
                #expect(try await gateway.unread(by: parent.client) == [])
            }
        }

        @Test("room in one parent's line is for its own children, each in its turn")
        func turns() async throws {
            try await TestGateway.run(shards: 1, configure: { $0.limits.queueMessages = 4 }) {
                gateway in
                let names = ["hub", "hut"] + (0..<12).map { "c\($0)" }
                let product = try await gateway.createProduct(codes: 14)
                let devices = try await gateway.importDevices(names, into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                func parent(_ place: Int) throws -> ParentClient {
                    let parent = try ParentClient(
                        gateway, devices[place], expirySeconds: 0, receiveMaximum: 1)
                    for child in children(of: place) { try parent.attach(child, more: Self.kept) }
                    parent.client.acknowledgesMessages = false
                    return parent
                }
                func children(of place: Int) -> ArraySlice<TestDevice> {
                    devices[(2 + 6 * place)..<(8 + 6 * place)]
                }
                let hub = try parent(0)
                let hut = try parent(1)
                for number in 0..<2 {
                    for child in devices[2...] {
                        await gateway.settle()
                        let answer = try backend.publish(
                            child.down(), "\(number)", qos: .atLeastOnce)
                        #expect(answer?.code == 0)
                    }
                }
                await gateway.settle()
                // The other one has all of its own to come, whatever the first one makes room for.
                for place in [1, 0] {
                    let client = place == 0 ? hub.client : hut.client
                    var texts: [String] = []
                    for _ in 0..<12 {
                        let message = try client.message()
                        texts.append("\(message.topic) \(message.text)")
                        let packetID = try #require(message.packetID)
                        try client.send {
                            Puback.encode(packetID: packetID, version: .v5, into: &$0)
                        }
                    }
                    for child in children(of: place) {
                        let own = texts.filter { $0.hasPrefix(child.down() + " ") }
                        #expect(own == ["\(child.down()) 0", "\(child.down()) 1"], "\(texts)")
                    }
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test(
            "a parent of MQTT 3.1.1 that publishes for children it makes no room for is read on: they are detached, and their sessions have what it did not take"
        )
        func notLockedUp() async throws {
            try await TestGateway.run(shards: 2, configure: { $0.limits.queueMessages = 4 }) {
                gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["hub", "a", "b"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let parent = try ParentClient(gateway, devices[0], version: .v3_1_1)
                for child in devices.dropFirst() { try parent.attach(child, more: Self.kept) }
                parent.client.acknowledgesMessages = false
                for _ in 0..<50 {
                    for child in devices.dropFirst() {
                        _ = try backend.publish(child.down(), "x", qos: .atLeastOnce)
                    }
                }
                await gateway.settle()
                for number in 1...100 {
                    for (offset, child) in devices.dropFirst().enumerated() {
                        let packetID = UInt16(1_000 + 2 * number + offset)
                        try parent.client.sendPublish(
                            child.up(), Array("\(number)".utf8), qos: .atLeastOnce,
                            packetID: packetID)
                    }
                }
                try parent.client.ping()
            }
        }

        @Test("a parent's session that is stored takes messages over: they come once, with it")
        func takenOver() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let parent = try ParentClient(gateway, devices[0], expirySeconds: 3_600)
                try parent.attach(devices[1], more: Self.kept)
                parent.client.acknowledgesMessages = false
                let answer = try backend.publish(devices[1].down(), "once", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                #expect(try parent.client.message().text == "once")
                try parent.client.leave()
                await gateway.settle()
                let again = try ParentClient(gateway, devices[0], expirySeconds: 3_600)
                #expect(try again.client.message().text == "once")
                try again.attach(devices[1], more: Self.kept)
                #expect(try await gateway.unread(by: again.client) == [])
            }
        }

        // MARK: From a child

        @Test(
            "what a parent publishes for a child right before its DISCONNECT is taken",
            arguments: [1, 4], ProtocolVersion.allCases)
        func beforeDisconnect(shards: Int, version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let parent = try ParentClient(gateway, devices[0], version: version)
                try parent.attach(devices[1])
                let topic = Array(devices[1].up().utf8)
                try parent.client.send { buffer in
                    Publish.encode(
                        topic: topic.span, payload: [48].span, version: version, into: &buffer)
                    Publish.encode(
                        topic: topic.span, payload: [49].span, qos: .atLeastOnce, packetID: 7,
                        version: version, into: &buffer)
                    Disconnect.encode(version: version, into: &buffer)
                }
                for text in ["0", "1"] { #expect(try backend.message().text == text) }
                _ = try parent.client.untilClosed()
            }
        }

        @Test("a QoS 2 message counts as taken when the child's connection has taken it")
        func exactlyOnce() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                // One at once, and the next after a minute.
                let limits = TrafficLimits(
                    messages: Rate(perSecond: 1, burst: 1), excess: .delay)
                try await gateway.submit(.devices(.setLimits(devices[1].identity, limits)))
                await gateway.settle()
                let parent = try ParentClient(gateway, devices[0], expirySeconds: 3_600)
                try parent.attach(devices[1])
                for packetID in [1, 2, 3, 4] as [UInt16] {
                    try parent.client.sendPublish(
                        devices[1].up(), [UInt8(48 + packetID)], qos: .exactlyOnce,
                        packetID: packetID)
                }
                let taken = try parent.client.acknowledgement(.pubrec, 1)
                #expect(taken.code == 0)
                #expect(try backend.message().text == "1")
                parent.client.lose()
                await gateway.settle()
                let again = try ParentClient(gateway, devices[0], expirySeconds: 3_600)
                // The child that was to take it has gone: the same message is not taken yet.
                for (packetID, code) in [(1, 0), (4, 0x87)] as [(UInt16, UInt8)] {
                    try again.client.sendPublish(
                        devices[1].up(), [UInt8(48 + packetID)], qos: .exactlyOnce,
                        packetID: packetID, isDuplicate: true)
                    let answer = try again.client.acknowledgement(.pubrec, packetID)
                    #expect(answer.code == code, "\(packetID)")
                }
                try again.attach(devices[1])
                try again.client.sendPublish(
                    devices[1].up(), [52], qos: .exactlyOnce, packetID: 4)
                #expect(try again.client.acknowledgement(.pubrec, 4).code == 0)
                try again.client.sendPublish(
                    devices[1].up(), [52], qos: .exactlyOnce, packetID: 4, isDuplicate: true)
                #expect(try again.client.acknowledgement(.pubrec, 4).code == 0)
                var texts: [String] = []
                while texts.last != "4" { texts.append(try backend.message().text) }
                #expect(texts.filter { $0 == "4" } == ["4"] && !texts.contains("1"), "\(texts)")
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test(
            "a message that grows on its way to the child's connection is taken; one too large is refused"
        )
        func sizes() async throws {
            try await TestGateway.run(
                shards: 2,
                configure: {
                    $0.limits.packetSizeBytes = 1_024
                    $0.limits.connectPacketSizeBytes = 1_024
                }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["hub", "a", "b"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let limits = TrafficLimits(packetBytes: 300)
                try await gateway.submit(.devices(.setLimits(devices[2].identity, limits)))
                await gateway.settle()
                let parent = try ParentClient(gateway, devices[0])
                for child in devices[1...] { try parent.attach(child) }
                // An alias in place of the topic, and as much as the parent may send.
                for (number, topic) in [devices[1].up(), ""].enumerated() {
                    let length = 1_024 - 3 - 2 - topic.utf8.count - 2 - 4
                    let answer = try parent.client.publish(
                        topic, String(repeating: "\(number)", count: length), qos: .atLeastOnce
                    ) { $0.topicAlias(1) }
                    #expect(answer?.code == 0)
                    #expect(try backend.message().text.utf8.count == length)
                }
                // The child may not send so much.
                for (length, code) in [(200, 0), (400, 0x97), (201, 0)] as [(Int, UInt8)] {
                    let answer = try parent.client.publish(
                        devices[2].up(), String(repeating: "x", count: length), qos: .atLeastOnce)
                    #expect(answer?.code == code)
                    if code == 0 { #expect(try backend.message().text.utf8.count == length) }
                }
                #expect(try parent.children() == ["a", "b"])
            }
        }

        @Test("a message that is larger than the parent's client takes is dropped, as for others")
        func tooLargeForParent() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let client = try TestClient(port: gateway.plainPort)
                let answer = try client.connect(as: .signed(devices[0], secureMode: 3)) {
                    $0.maximumPacketSize(600)
                }
                #expect(answer.code == 0)
                try client.subscribe(devices[0].sys("#"))
                let parent = ParentClient(devices[0], client)
                try parent.attach(devices[1], more: Self.kept)
                for length in [10, 700, 11] {
                    let text = String(repeating: "x", count: length)
                    let sent = try backend.publish(devices[1].down(), text, qos: .atLeastOnce)
                    #expect(sent?.code == 0)
                }
                #expect(try parent.client.message().text.utf8.count == 10)
                #expect(try parent.client.message().text.utf8.count == 11)
                #expect(try parent.children() == ["a"])
                // It is done with, and not counted.
                #expect(try await gateway.usedToday(devices[1]).used == 2)
            }
        }
    }
}
