import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Devices that a device connects over its own connection (Children.md).
    @Suite struct ChildTests {
        @Test(
            "children come by their parent, each with its own code, allowance and topics",
            arguments: [1, 4], ProtocolVersion.allCases)
        func traffic(shards: Int, version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 4, messagesPerDay: 3)
                let devices = try await gateway.importDevices(
                    ["hub", "a", "b", "c"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                let parent = try ParentClient(gateway, devices[0], version: version)
                for child in devices[1...] {
                    let early = try parent.client.publish(child.up(), "x", qos: .atLeastOnce)
                    #expect(early?.code == (version == .v5 ? 0x87 : 0))
                    try parent.attach(child)
                }
                #expect(try parent.children() == ["a", "b", "c"])
                let again = try parent.client.publish(
                    devices[0].sys("children/get"), "", qos: .atLeastOnce)
                #expect(again?.code == (version == .v5 ? 0x97 : 0))
                #expect(try gateway.figures(of: product)?.remaining == 0)
                // The third message uses up a child's day, and no other's.
                for number in 0..<3 {
                    for qos in [QoS.atMostOnce, .atLeastOnce, .exactlyOnce][number...number] {
                        let answer = try parent.client.publish(
                            devices[1].up(), "\(number)", qos: qos)
                        #expect(answer?.code ?? 0 == 0)
                        let message = try backend.message()
                        #expect(message.topic == devices[1].up() && message.text == "\(number)")
                    }
                }
                let over = try parent.client.publish(devices[1].up(), "3", qos: .atLeastOnce)
                #expect(over?.code == (version == .v5 ? 0x97 : 0))
                let other = try parent.client.publish(devices[2].up(), "b", qos: .atLeastOnce)
                #expect(other?.code == 0)
                #expect(try backend.message().topic == devices[2].up())
                #expect(
                    try parent.client.publish(devices[0].up(), "p", qos: .atLeastOnce)?.code == 0)
                #expect(try backend.message().topic == devices[0].up())
                #expect(try parent.client.message().topic == devices[1].sys("notice"))
                // What is for a child comes to its parent, counted as the child's.
                for qos in [QoS.atMostOnce, .atLeastOnce] {
                    let sent = try backend.publish(devices[3].down(), "d", qos: qos)
                    #expect(sent?.code ?? 0 == 0)
                    let message = try parent.client.message()
                    #expect(message.topic == devices[3].down() && message.qos == qos)
                }
                for (device, used) in zip(devices, [1, 3, 1, 2] as [UInt64]) {
                    #expect(try await gateway.usedToday(device).used == used, "\(device.identity)")
                }
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test("what admission refuses, the parent is told, and it is the child's last refusal")
        func refusals() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let devices = try await gateway.importDevices(["hub", "a", "b"], into: product)
                let foreign = try await gateway.createProduct("fan", codes: 1)
                let stranger = try await gateway.importDevice("s", into: foreign)
                let parent = try ParentClient(gateway, devices[0])
                #expect(try parent.refusal(devices[1]) == "no-code-left")
                let outcomes = await gateway.gateway.outcomes(of: devices[1].identity)
                #expect(outcomes.lastRefusal?.reason == .noCodeLeft)
                #expect(
                    try parent.refusal(devices[2], secret: Secret("wrong")) == "bad-credentials")
                #expect(try parent.refusal(stranger) == "child-of-another-account")
                #expect(try gateway.figures(of: foreign)?.remaining == 1)
                try await gateway.submit(.devices(.setDisabled(devices[2].identity, true)))
                #expect(try parent.refusal(devices[2]) == "device-disabled")
                for text in [
                    "", "[]", #"{"id":"a b"}"#, #"{"id":7}"#,
                    #"{"userName":"app:k","password":"x"}"#,
                ] {
                    let answer = try parent.client.publish(
                        parent.device.sys("children/attach"), text, qos: .atLeastOnce)
                    let (name, refusal) = try parent.answer()
                    let isRead = answer?.code == 0
                    #expect(name == "/rejected" && (isRead || answer?.code == 0x99))
                    #expect(
                        refusal.reason == (isRead ? "bad-credentials" : "child-request-malformed"))
                }
                // Itself is no child of it.
                try parent.ask(for: devices[0])
                #expect(try parent.answer().1.reason == "child-request-malformed")
                #expect(try parent.children() == [])
                #expect(
                    try parent.client.publish(devices[1].up(), "", qos: .atLeastOnce)?.code == 0x87)
            }
        }

        @Test(
            "the parent's end ends its children, however it comes; detached ones have gone before",
            arguments: [1, 4])
        func ends(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["hub", "a", "b"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let readers = try devices[1...].map { device in
                    try gateway.connect(
                        key, clientID: "reader of \(device.identity)",
                        subscribedTo: "\(device.topicPrefix)presence")
                }
                for isKicked in [false, true] {
                    let parent = try ParentClient(gateway, devices[0])
                    for child in devices[1...] { try parent.attach(child) }
                    for (reader, child) in zip(readers, devices[1...]) {
                        #expect(try reader.presenceWords(of: child) == "connected")
                    }
                    let connection = await gateway.gateway.connection(of: devices[1].identity)
                    #expect(connection?.parent == devices[0].identity)
                    let own = await gateway.gateway.connection(of: devices[0].identity)
                    #expect(own?.children == 2 && own?.parent == nil)
                    var listed: Set<DeviceIdentity> = []
                    var place: ConnectionPlace? = ConnectionPlace(node: nil)
                    while let from = place {
                        let part = await gateway.gateway.connections(
                            from: from, of: product.key, limit: 10)
                        listed.formUnion((part?.elements ?? []).compactMap(\.device))
                        place = part?.next
                    }
                    #expect(listed == Set(devices.map(\.identity)), "who is online is in it")
                    try parent.detach(devices[1])
                    let (name, answer) = try parent.answer()
                    #expect(name == "/detached" && answer.reason == "disconnected")
                    #expect(
                        try readers[0].presenceWords(of: devices[1]) == "disconnected disconnected")
                    #expect(try parent.children() == ["b"])
                    if isKicked {
                        #expect(await gateway.gateway.kick(devices[0].identity))
                    } else {
                        try parent.client.disconnect()
                    }
                    #expect(
                        try readers[1].presenceWords(of: devices[2]) == "disconnected parent-gone")
                }
                await gateway.settle()
                #expect(await gateway.gateway.connection(of: devices[2].identity) == nil)
            }
        }

        @Test(
            "the later connection of a child wins: its own, its parent's, another parent's",
            arguments: [1, 4])
        func takeOver(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["hub", "hut", "a"], into: product)
                let child = devices[2]
                let alone = try gateway.connect(child)
                let parent = try ParentClient(gateway, devices[0])
                try parent.attach(child)
                #expect(try alone.endingCode() == 0x8E)
                let other = try ParentClient(gateway, devices[1])
                try other.attach(child)
                let (name, answer) = try parent.answer()
                #expect(name == "/detached" && answer.reason == "session-taken-over")
                #expect(try parent.client.publish(child.up(), "", qos: .atLeastOnce)?.code == 0x87)
                #expect(try other.client.publish(child.up(), "", qos: .atLeastOnce)?.code == 0x10)
                let again = try gateway.connect(child)
                #expect(try other.answer().1.reason == "session-taken-over")
                try again.ping()
                #expect(try gateway.figures(of: product)?.remaining == 0)
            }
        }

        @Test("a child that is disabled or kicked leaves its parent, which goes on")
        func sentAway() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["hub", "a", "b"], into: product)
                let parent = try ParentClient(gateway, devices[0])
                for child in devices[1...] { try parent.attach(child) }
                #expect(await gateway.gateway.kick(devices[1].identity))
                #expect(try parent.answer().1.reason == "kicked")
                try await gateway.submit(.devices(.setDisabled(devices[2].identity, true)))
                #expect(try parent.answer().1.reason == "device-disabled")
                #expect(
                    try parent.client.publish(devices[2].up(), "", qos: .atLeastOnce)?.code == 0x87)
                try parent.attach(devices[1])
                #expect(
                    try parent.client.publish(devices[1].up(), "", qos: .atLeastOnce)?.code == 0x10)
                try parent.attach(devices[1])
                #expect(try parent.children() == ["a"])
            }
        }

        @Test("what was kept for a child while it was away comes when it is attached again")
        func kept() async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["hub", "a"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let more = #","sessionExpirySeconds":3600"#
                let parent = try ParentClient(gateway, devices[0])
                try parent.attach(devices[1], more: more)
                try parent.detach(devices[1])
                #expect(try parent.answer().name == "/detached")
                #expect(
                    try backend.publish(devices[1].down(), "later", qos: .atLeastOnce)?.code == 0)
                try parent.ask(for: devices[1], more: more)
                let texts = [try parent.client.message(), try parent.client.message()]
                #expect(texts.contains { $0.topic == devices[1].down() && $0.text == "later" })
                #expect(texts.contains { $0.topic == devices[0].sys("children/attached") })
                // A child is asked for its quota as any device, and has no children.
                try parent.client.publish(devices[1].sys("quota/get"), "", qos: .atLeastOnce)
                #expect(try parent.client.message().topic == devices[1].sys("quota"))
                let nested = try parent.client.publish(
                    devices[1].sys("children/attach"), "{}", qos: .atLeastOnce)
                #expect(nested?.code == 0x87)
            }
        }
    }
}
