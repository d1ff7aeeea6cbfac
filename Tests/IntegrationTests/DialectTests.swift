import Bytes
import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Devices that were made for another platform: topics and proofs of their own.
    @Suite struct DialectTests {
        private static func set(
            _ topics: DeviceTopics?, _ proofs: [ProofKind] = [.tollgate],
            of product: TestProduct, at gateway: TestGateway
        ) async throws {
            let dialect = Dialect(topics: topics, proofs: ProofKinds(proofs))
            try await gateway.submit(.products(.setDialect(product.key, dialect)))
        }

        /// What each preset's devices publish to and subscribe to.
        private static let presets: [(TopicPreset, up: String, down: String)] = [
            (.alibaba, "/lamp/dk1/user/update", "/lamp/dk1/user/get"),
            (.aws, "dt/lamps/dk1/data", "cmd/lamps/dk1/req"),
            (.azure, "devices/dk1/messages/events/", "devices/dk1/messages/devicebound/p"),
            (.quecthing, "q/2/d/qdlampdk1/bus_", "q/1/d/qdlampdk1/bus"),
        ]

        @Test(
            "a device publishes and hears by its platform's topics, on its home shard, and is metered",
            arguments: ProtocolVersion.allCases, [QoS.atMostOnce, .atLeastOnce, .exactlyOnce]
        )
        func exchange(version: ProtocolVersion, qos: QoS) async throws {
            try await TestGateway.run(shards: 3) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 3)
                let devices = try await gateway.importDevices(
                    ["dk1", "dk2", "dk3", "dk4"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                try backend.subscribe("d/lamp/+/up/#")
                for (device, preset) in zip(devices, Self.presets) {
                    let name = "\(device.identity.device)"
                    let up = preset.up.replacing("dk1", with: name)
                    let down = preset.down.replacing("dk1", with: name)
                    try await Self.set(.preset(preset.0), of: product, at: gateway)
                    let client = try gateway.connect(device, version: version)
                    #expect(try client.subscribe(down) == [1])
                    _ = try client.publish(up, "hello", qos: qos)
                    let message = try backend.message()
                    #expect(message.topic == "d/lamp/\(name)/up/\(up)" && message.text == "hello")
                    _ = try backend.publish(
                        "d/lamp/\(name)/down/\(down)", "do", qos: .atLeastOnce)
                    let heard = try client.message()
                    #expect(heard.topic == down && heard.text == "do")
                    // Two of three are used up.
                    _ = try client.publish(up, "third", qos: qos)
                    #expect(try backend.message().text == "third")
                    let over = try client.publish(up, "over", qos: .atLeastOnce)
                    if version == .v5 { #expect(over?.code == 0x97) }
                    #expect(try client.unsubscribe(down) == (version == .v5 ? [0] : []))
                    try client.disconnect()
                }
            }
        }

        @Test(
            "topics that name another device, another product or none of a pattern are refused",
            arguments: presets.map(\.0)
        )
        func others(preset: TopicPreset) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await Self.set(.preset(preset), of: product, at: gateway)
                let client = try gateway.connect(device)
                let known = try #require(Self.presets.first { $0.0 == preset })
                var wrong = [
                    "d/lamp/dk2/up/x", "d/other/dk1/up/x", "d/lamp/dk1/down/x", "$SYS/x",
                    "$share/a",
                ]
                if preset != .aws {
                    for topic in [known.up, known.down] {
                        wrong += [
                            topic.replacing("dk1", with: "dk2"),
                            topic.replacing("dk1", with: "dk11"),
                        ]
                        if topic.contains("lamp") {
                            wrong.append(topic.replacing("lamp", with: "lamq"))
                        }
                    }
                }
                for topic in wrong {
                    let answer = try client.publish(topic, "x", qos: .atLeastOnce)
                    #expect(answer?.code == 0x87, "\(topic)")
                    guard !topic.hasPrefix("$share") else { continue }
                    #expect(try client.subscribe(topic) == [0x87], "\(topic)")
                }
                for filter in ["d/lamp/+/down/#", "d/lamp/dk1/down/#", "$share/g/\(known.down)"] {
                    #expect(try client.subscribe(filter) == [0x87], "\(filter)")
                }
                if preset != .aws { #expect(try client.subscribe("#") == [0x87]) }
                // Its own under Tollgate's name stay open.
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                #expect(try client.subscribe(device.sys("#")) == [1])
            }
        }

        @Test("with free topics no device hears another, whatever both of them call theirs")
        func isolation() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let other = try await gateway.createProduct("torch")
                let stranger = try await gateway.createApplication(products: [other])
                try await Self.set(.preset(.aws), of: product, at: gateway)
                let one = try gateway.connect(devices[0])
                let two = try gateway.connect(devices[1])
                let spy = try gateway.connect(stranger)
                for client in [one, two] { #expect(try client.subscribe("#") == [1]) }
                for filter in ["d/lamp/dk1/up/#", "dt/#", "#", "+/lamp/dk1/up/#"] {
                    #expect(try spy.subscribe(filter) == [0x87])
                }
                _ = try one.publish("cmd/all", "x", qos: .atLeastOnce)
                #expect(try await gateway.unread(by: two) == [])
                #expect(try await gateway.unread(by: one) == [])
            }
        }

        @Test(
            "another dialect holds at once: publishes, subscriptions of connected devices, and back"
        )
        func change() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key)
                let up = "devices/dk1/messages/events/"
                let down = "devices/dk1/messages/devicebound/#"
                let client = try gateway.connect(devices[0])
                let idle = try gateway.connect(devices[1])
                #expect(try client.publish(up, "x", qos: .atLeastOnce)?.code == 0x87)
                #expect(try client.subscribe(down) == [0x87])
                try await Self.set(.preset(.azure), of: product, at: gateway)
                #expect(try client.publish(up, "x", qos: .atLeastOnce)?.code == 0)
                #expect(try client.subscribe(down) == [1])
                // What it has subscribed to is allowed no longer: it has to come again. The other one stays.
                try await Self.set(.preset(.quecthing), of: product, at: gateway)
                #expect(try client.endingCode() == 0x98)
                try idle.ping()
                let again = try gateway.connect(devices[0])
                #expect(try again.publish(up, "x", qos: .atLeastOnce)?.code == 0x87)
                #expect(try again.subscribe("q/1/d/qdlampdk1/bus") == [1])
                let answer = try backend.publish(
                    "d/lamp/dk1/down/devices/dk1/messages/devicebound/p", "x", qos: .atLeastOnce)
                #expect(answer?.code == 0x10)
                try await gateway.submit(.products(.setDialect(product.key, nil)))
                #expect(try again.endingCode() == 0x98)
                let last = try gateway.connect(devices[0])
                #expect(try last.subscribe(devices[0].down("#")) == [1])
            }
        }

        @Test("one topic of several devices, again and again, is each one's own at each time")
        func sameTopic() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let other = try await gateway.createProduct("torch")
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let stranger = try await gateway.importDevice("dk1", into: other)
                try await Self.set(.preset(.aws), of: product, at: gateway)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                func expect(_ client: TestClient, _ device: TestDevice) throws {
                    #expect(try client.publish("dt/x", "y", qos: .atLeastOnce)?.code == 0)
                    #expect(try backend.message().topic == device.up("dt/x"))
                }
                let one = try gateway.connect(devices[0])
                for _ in 0..<2 { try expect(one, devices[0]) }
                let two = try gateway.connect(devices[1])
                try expect(two, devices[1])
                try expect(one, devices[0])
                // A topic that begins or ends as the one before is another one.
                for topic in ["dt/xx", "dt", "dt/", "t/x"] {
                    #expect(try one.publish(topic, "y", qos: .atLeastOnce)?.code == 0, "\(topic)")
                    #expect(try backend.message().topic == devices[0].up(topic))
                }
                // Of a product without such topics, then of one with others: nothing is left of what was found before.
                let third = try gateway.connect(stranger)
                #expect(try third.publish("dt/x", "y", qos: .atLeastOnce)?.code == 0x87)
                try expect(one, devices[0])
                try await Self.set(.preset(.azure), of: product, at: gateway)
                for _ in 0..<2 {
                    #expect(try one.publish("dt/x", "y", qos: .atLeastOnce)?.code == 0x87)
                }
                try await Self.set(.preset(.aws), of: product, at: gateway)
                try expect(one, devices[0])
                // Another device's connection takes the place of the first one's.
                try one.leave()
                try two.leave()
                let four = try gateway.connect(devices[1])
                try expect(four, devices[1])
            }
        }

        @Test(
            "a stored session keeps what its device has subscribed to by its own name, and what came for it"
        )
        func stored() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                try await Self.set(.preset(.alibaba), of: product, at: gateway)
                let backend = try gateway.connect(key)
                let credentials = TestCredentials.signed(device, secureMode: 3)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                _ = try client.connect(as: credentials, isCleanStart: false)
                #expect(try client.subscribe("/lamp/dk1/user/get") == [1])
                try client.leave()
                let answer = try backend.publish(
                    "d/lamp/dk1/down//lamp/dk1/user/get", "kept", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                let again = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                #expect(try again.connect(as: credentials, isCleanStart: false).isSessionPresent)
                let message = try again.message()
                #expect(message.topic == "/lamp/dk1/user/get" && message.text == "kept")
            }
        }

        @Test(
            "${clientId} is the identifier that the device has connected with; an odd one has no such topics",
            arguments: [1, 2])
        func clientIdentifier(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                let topics = DeviceTopics.patterns(
                    up: [try TopicPattern("v1/${clientId}/up/#")],
                    down: [try TopicPattern("v1/${clientId}/down/#")])
                try await Self.set(topics, [.plain], of: product, at: gateway)
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                func client(
                    _ device: TestDevice, as clientID: String, isCleanStart: Bool = true
                ) throws -> TestClient {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates, version: .v3_1_1)
                    let credentials = TestCredentials(
                        clientID: clientID, userName: "\(device.identity)",
                        password: device.secret.text)
                    let answer = try client.connect(as: credentials, isCleanStart: isCleanStart)
                    #expect(answer.code == 0)
                    return client
                }
                let one = try client(devices[0], as: "unit-7")
                _ = try one.publish("v1/unit-7/up/x", "hello", qos: .atLeastOnce)
                let heard = try backend.message()
                #expect(heard.topic == "d/lamp/dk1/up/v1/unit-7/up/x" && heard.text == "hello")
                #expect(try one.subscribe("v1/unit-7/down/#") == [1])
                for filter in ["v1/unit-8/down/#", "v1/+/down/#", "v1/dk1/down/#", "v1/#"] {
                    #expect(try one.subscribe(filter) == [0x80], "\(filter)")
                }
                let answer = try backend.publish(
                    "d/lamp/dk1/down/v1/unit-7/down/x", "do", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                #expect(try one.message().topic == "v1/unit-7/down/x")
                // Without one it is the name that the device is given.
                let two = try client(devices[1], as: "")
                #expect(try two.subscribe("v1/lamp.dk2/down/#") == [1])
                try two.leave()
                for odd in ["a/b", "+", "#", "v1/x/down/#"] {
                    let client = try client(devices[1], as: odd)
                    if !odd.contains("#") {
                        #expect(try client.subscribe("v1/\(odd)/down/#") == [0x80], "\(odd)")
                    }
                    #expect(try client.subscribe("v1/x/down/#") == [0x80], "\(odd)")
                    try client.leave()
                }
            }
        }

        @Test("a session keeps what its device has subscribed to under another client identifier")
        func otherIdentifier() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let down = try TopicPattern("v1/${clientId}/down/#")
                try await Self.set(
                    .patterns(up: [], down: [down]), [.plain], of: product, at: gateway)
                let backend = try gateway.connect(key)
                func client(_ clientID: String) throws -> TestClient {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates, version: .v3_1_1)
                    let credentials = TestCredentials(
                        clientID: clientID, userName: "lamp.dk1", password: device.secret.text)
                    #expect(try client.connect(as: credentials, isCleanStart: false).code == 0)
                    return client
                }
                let first = try client("a")
                #expect(try first.subscribe("v1/a/down/#") == [1])
                try first.leave()
                let answer = try backend.publish(
                    "d/lamp/dk1/down/v1/a/down/x", "kept", qos: .atLeastOnce)
                #expect(answer?.code == 0)
                let second = try client("b")
                #expect(try second.message().topic == "v1/a/down/x")
                #expect(try second.subscribe("v1/a/down/y") == [0x80])
                #expect(try second.subscribe("v1/b/down/#") == [1])
            }
        }

        // MARK: Proofs

        private func code(
            _ credentials: TestCredentials, overTLS: Bool, _ gateway: TestGateway
        ) throws -> UInt8 {
            try gateway.answer(to: credentials, overTLS: overTLS, version: .v5).code
        }

        @Test("a proof is accepted by the products that name it, and proves its own device only")
        func proofs() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let (one, two) = (devices[0].identity, devices[1].identity)
                func plain(_ name: String, _ secret: Secret) -> TestCredentials {
                    TestCredentials(clientID: "x", userName: name, password: secret.text)
                }
                func signed(_ user: DeviceIdentity, _ signer: DeviceIdentity, _ secret: Secret)
                    -> TestCredentials
                {
                    TestCredentials(
                        clientID:
                            "any|_v=1,lan=C,signmethod=hmacsha256,timestamp=9,securemode=2,ext=1|",
                        userName: "\(user.device)&\(user.product)",
                        password: TestCredentials.code(
                            "clientIdanydeviceName\(signer.device)productKey\(signer.product)timestamp9",
                            key: secret.text))
                }
                let right = [
                    (ProofKind.plain, plain("lamp.dk1", devices[0].secret), UInt8(0x86)),
                    (.plain, plain("lamp/dk1", devices[0].secret), 0x86),
                    (.alibabaSHA256, signed(one, one, devices[0].secret), 0x85),
                ]
                let ours = TestCredentials.secret(devices[0])
                for (kind, credentials, refusal) in right {
                    try await gateway.submit(.products(.setDialect(product.key, nil)))
                    #expect(try code(credentials, overTLS: true, gateway) == refusal)
                    try await Self.set(nil, [kind], of: product, at: gateway)
                    #expect(try code(credentials, overTLS: true, gateway) == 0)
                    #expect(try code(credentials, overTLS: false, gateway) != 0)
                    #expect(try code(ours, overTLS: true, gateway) == 0x86)
                }
                try await Self.set(nil, ProofKind.allCases, of: product, at: gateway)
                for wrong in [
                    plain("lamp.dk2", devices[0].secret), plain("lamp/dk3", devices[0].secret),
                    signed(two, one, devices[0].secret), signed(two, two, devices[0].secret),
                    signed(one, two, devices[0].secret),
                ] {
                    #expect(try code(wrong, overTLS: true, gateway) == 0x86)
                }
                #expect(try code(ours, overTLS: true, gateway) == 0)
            }
        }
    }
}
