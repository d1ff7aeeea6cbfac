import Foundation
import Gateway
import Ledger
import MQTT
import Reactor
import Support
import TestFiles
import Testing
import Time

/// What a presence message says.
struct PresenceNotice: Decodable, Equatable {
    let state: String
    let at: String
    let reason: String?
    let connectedAt: String
    let protocolVersion: String
}

extension TestClient {
    /// The next message, which must be one about the presence of that device.
    func presence(of device: TestDevice) throws -> PresenceNotice {
        let message = try message()
        #expect(message.topic == "\(device.topicPrefix)presence")
        #expect(!message.isRetained)
        return try JSONDecoder().decode(PresenceNotice.self, from: Data(message.payload))
    }

    /// The state of the next one, with the reason of an end: `disconnected kicked`.
    func presenceWords(of device: TestDevice) throws -> String {
        let notice = try presence(of: device)
        return notice.state + (notice.reason.map { " \($0)" } ?? "")
    }
}

extension TestGateway {
    /// An application that is connected with a session that outlives its connection.
    func resume(
        _ application: TestApplication,
        clientID: String = "keeper",
        version: ProtocolVersion = .v5
    ) throws -> TestClient {
        let client = try TestClient(port: plainPort, version: version)
        let answer = try client.connect(
            as: .application(application, clientID: clientID), isCleanStart: false,
            keepAliveSeconds: 3_600
        ) { properties in
            if version == .v5 { properties.sessionExpiryInterval(seconds: 100_000) }
        }
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        client.tellsUnheard = true
        return client
    }
}

extension WholeGateway {
    /// Presence of devices as messages to applications (Wire.md, "Presence").
    @Suite struct PresenceTests {
        @Test(
            "a device that comes and goes is told to the applications that have asked, and not counted",
            arguments: ProtocolVersion.allCases, ProtocolVersion.allCases)
        func told(application: ProtocolVersion, device version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let filters = ["d/lamp/dk1/presence", "d/lamp/+/presence"]
                let readers = try filters.map { filter in
                    try gateway.connect(
                        key, clientID: "reader of \(filter)", version: application,
                        subscribedTo: filter)
                }
                let client = try gateway.connect(device, version: version)
                client.tellsUnheard = true
                let answer = try client.publish(device.up(), "x", qos: .atLeastOnce)
                #expect(answer?.code == (version == .v5 ? 0x10 : 0))
                try client.leave()
                for reader in readers {
                    let message = try reader.message()
                    #expect(message.topic == "d/lamp/dk1/presence" && message.qos == .atLeastOnce)
                    #expect(message.properties.contains("content-type") == (application == .v5))
                    let arrival = try JSONDecoder().decode(
                        PresenceNotice.self, from: Data(message.payload))
                    let name = version == .v5 ? "5.0" : "3.1.1"
                    let departure = try reader.presence(of: device)
                    #expect(arrival.state == "connected" && arrival.reason == nil)
                    #expect(departure.state == "disconnected")
                    #expect(departure.reason == "disconnected")
                    #expect(arrival.at == arrival.connectedAt)
                    #expect(departure.connectedAt == arrival.connectedAt)
                    #expect([arrival.protocolVersion, departure.protocolVersion] == [name, name])
                    #expect(Timestamp(arrival.at) != nil && Timestamp(departure.at) != nil)
                    #expect(try await gateway.unread(by: reader) == [])
                }
                let usage = try await gateway.gateway.usage(of: device.identity)
                #expect(usage.today.used == 1)
            }
        }

        @Test(
            "each way in which a connection ends is told by its reason's name",
            arguments: ProtocolVersion.allCases)
        func reasons(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(validityDays: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let reader = try gateway.connect(
                    key, keepAliveSeconds: 0, subscribedTo: "d/lamp/+/presence")
                func expectEnd(_ reason: String) throws {
                    #expect(try reader.presenceWords(of: device) == "connected")
                    let end = try reader.presenceWords(of: device)
                    #expect(end == "disconnected \(reason)")
                }
                func connect(keepAliveSeconds: UInt16 = 0) throws -> TestClient {
                    try gateway.connect(
                        device, version: version, keepAliveSeconds: keepAliveSeconds)
                }
                try connect().leave()
                try expectEnd("disconnected")
                try connect().lose()
                try expectEnd("connection-lost")
                let kicked = try connect()
                #expect(await gateway.gateway.kick(device.identity))
                _ = try kicked.untilClosed()
                try expectEnd("kicked")
                let silent = try connect(keepAliveSeconds: 60)
                clock.advance(milliseconds: 91_000)
                gateway.gateway.clockMoved()
                _ = try silent.untilClosed()
                try expectEnd("keep-alive-timeout")
                let wrong = try connect()
                try wrong.send([0xF0, 0x00])
                _ = try wrong.untilClosed()
                try expectEnd("protocol-error")
                let disabled = try connect()
                try await gateway.submit(.devices(.setDisabled(device.identity, true)))
                _ = try disabled.untilClosed()
                try expectEnd("device-disabled")
                // A CONNECT that is refused is no presence.
                let refused = try gateway.answer(
                    to: .signed(device, secureMode: 3), version: version)
                #expect(refused.code != 0)
                try await gateway.submit(.devices(.setDisabled(device.identity, false)))
                let deleted = try connect()
                try await gateway.submit(.devices(.delete(device.identity)))
                _ = try deleted.untilClosed()
                try expectEnd("kicked")
                #expect(try await gateway.unread(by: reader) == [])
            }
        }

        @Test(
            "the end of an entitlement is told",
            arguments: ProtocolVersion.allCases)
        func ended(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(codes: 1, validityDays: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let client = try gateway.connect(
                    device, version: version, keepAliveSeconds: 3_600)
                for _ in 0..<28 {
                    clock.advance(milliseconds: 3_000_000)
                    gateway.gateway.clockMoved()
                    try client.ping()
                }
                let reader = try gateway.connect(
                    key, keepAliveSeconds: 3_600, subscribedTo: "d/lamp/+/presence")
                clock.advance(milliseconds: 2_401_000)
                gateway.gateway.clockMoved()
                _ = try client.untilClosed()
                #expect(try reader.presenceWords(of: device) == "disconnected entitlement-ended")
            }
        }

        @Test(
            "a device that is taken over has gone before it comes, with a session or without",
            arguments: [1, 4], [true, false])
        func takenOver(shards: Int, isCleanStart: Bool) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                // On all shards.
                let readers = try (0..<4).map {
                    try gateway.connect(
                        key, clientID: "reader-\($0)", subscribedTo: "d/lamp/+/presence")
                }
                var clients: [TestClient] = []
                for _ in 0..<10 {
                    let client = try TestClient(port: gateway.plainPort, version: .v5)
                    let answer = try client.connect(
                        as: .signed(device, secureMode: 3), isCleanStart: isCleanStart
                    ) { $0.sessionExpiryInterval(seconds: 1_000) }
                    #expect(answer.code == 0)
                    clients.append(client)
                }
                for reader in readers {
                    var last = try reader.presence(of: device)
                    #expect(last.state == "connected")
                    for _ in 1..<10 {
                        let departure = try reader.presence(of: device)
                        #expect(departure.reason == "session-taken-over")
                        #expect(departure.connectedAt == last.connectedAt)
                        last = try reader.presence(of: device)
                        #expect(last.state == "connected")
                    }
                    #expect(try await gateway.unread(by: reader) == [])
                }
            }
        }

        @Test(
            "only a filter that names presence gets it: # and + at its place are for messages of devices",
            arguments: ProtocolVersion.allCases)
        func filters(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let all = try await gateway.createApplication("all")
                let old = try gateway.connect(all, clientID: "old", version: version)
                let filters = [
                    "d/lamp/dk1/#", "d/lamp/+/#", "d/lamp/#", "d/#", "d/+/+/#", "d/lamp/dk1/+",
                    "d/+/+/+", "d/lamp/dk1/presence/#", "d/lamp/dk1/presence/+",
                    "$share/g/d/lamp/#",
                ]
                for filter in filters { #expect(try old.subscribe(filter) == [1], "\(filter)") }
                let reader = try gateway.connect(all, clientID: "reader", version: version)
                #expect(try reader.subscribe("d/+/+/presence", "d/lamp/+/presence") == [1, 1])
                try gateway.connect(device).leave()
                #expect(try reader.presenceWords(of: device) == "connected")
                #expect(try reader.presenceWords(of: device) == "disconnected disconnected")
                #expect(try await gateway.unread(by: reader) == [])
                #expect(try await gateway.unread(by: old) == [])
            }
        }

        @Test("who has not the right can't subscribe, and no client publishes there")
        func rights() async throws {
            try await TestGateway.run { gateway in
                let lamp = try await gateway.createProduct("lamp")
                let heater = try await gateway.createProduct("heater")
                let device = try await gateway.importDevice("dk1", into: lamp)
                let topic = "\(device.topicPrefix)presence"
                let key = try await gateway.createApplication(products: [lamp])
                let stranger = try await gateway.createApplication("other", products: [heater])
                for version in ProtocolVersion.allCases {
                    let refused: UInt8 = version == .v5 ? 0x87 : 0x80
                    let other = try gateway.connect(
                        stranger, clientID: "other \(version)", version: version)
                    #expect(try other.subscribe(topic, "d/lamp/+/presence") == [refused, refused])
                    #expect(try other.subscribe("d/+/+/presence") == [refused])
                    let client = try gateway.connect(device, version: version)
                    #expect(try client.subscribe(topic) == [refused])
                    let application = try gateway.connect(
                        key, clientID: "backend \(version)", version: version, subscribedTo: topic)
                    let anybody = try gateway.anonymous("anybody", version: version)
                    for publisher in [client, application, anybody] {
                        let answer = try publisher.publish(topic, "x", qos: .atLeastOnce)
                        #expect(answer?.code == (version == .v5 ? 0x87 : 0))
                    }
                    #expect(try await gateway.unread(by: application) == [])
                    #expect(try await gateway.unread(by: other) == [])
                }
            }
        }

        @Test(
            "an application that is away hears of it when it is back",
            arguments: ProtocolVersion.allCases)
        func away(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let reader = try gateway.resume(key, version: version)
                #expect(try reader.subscribe("d/lamp/+/presence") == [1])
                try reader.leave()
                try gateway.connect(device).leave()
                let back = try gateway.resume(key, version: version)
                #expect(try back.presenceWords(of: device) == "connected")
                #expect(try back.presenceWords(of: device) == "disconnected disconnected")
                #expect(try await gateway.unread(by: back) == [])
            }
        }

        @Test(
            "what clients leave behind when the gateway stops is there for applications of all shards after the start",
            arguments: ProtocolVersion.allCases)
        func stopped(version: ProtocolVersion) async throws {
            let directory = TemporaryDirectory()
            var connected: [TestClient] = []
            let key = try await TestGateway.run(shards: 4, directory: directory) { gateway in
                let product = try await gateway.createProduct(codes: 20)
                let devices = try await gateway.importDevices(
                    (0..<20).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                for number in 0..<4 {
                    let reader = try gateway.resume(
                        key, clientID: "keeper-\(number)", version: version)
                    #expect(
                        try reader.subscribe("d/lamp/+/presence", "d/lamp/+/up/#") == [1, 1])
                    try reader.leave()
                }
                for device in devices {
                    let will = TestWill(
                        topic: device.up("will"), payload: "gone", qos: .atLeastOnce)
                    connected.append(try gateway.connect(device, will: will))
                }
                return key
            }
            #expect(connected.count == 20)
            try await TestGateway.run(shards: 4, directory: directory) { gateway in
                for number in 0..<4 {
                    let back = try gateway.resume(
                        key, clientID: "keeper-\(number)", version: version)
                    var (wills, departures) = (0, 0)
                    for _ in 0..<60 {
                        let message = try back.message()
                        if message.topic.hasSuffix("/up/will") { wills += 1 }
                        if message.text.contains("\"shutting-down\"") { departures += 1 }
                    }
                    #expect(wills == 20 && departures == 20)
                    #expect(try await gateway.unread(by: back) == [])
                }
            }
        }

        @Test(
            "a fleet that comes and goes fills the queue of an application that is away, and no more"
        )
        func bounded() async throws {
            try await TestGateway.run(configure: { $0.limits.queueMessages = 10 }) { gateway in
                let product = try await gateway.createProduct(codes: 20)
                let devices = try await gateway.importDevices(
                    (0..<20).map { "dk\($0)" }, into: product)
                let key = try await gateway.createApplication(products: [product])
                let reader = try gateway.resume(key)
                #expect(try reader.subscribe("d/lamp/+/presence") == [1])
                try reader.leave()
                for device in devices { try gateway.connect(device).leave() }
                await gateway.settle()
                #expect(await gateway.metric("tollgate_deliveries_dropped_total") == 30)
                let back = try gateway.resume(key)
                for device in devices[0..<5] {
                    #expect(try back.presenceWords(of: device) == "connected")
                    #expect(try back.presenceWords(of: device) == "disconnected disconnected")
                }
                #expect(try await gateway.unread(by: back) == [])
            }
        }

        @Test("of a share each message goes to one member", arguments: ProtocolVersion.allCases)
        func shared(version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: 4) { gateway in
                let product = try await gateway.createProduct(codes: 20)
                let names = (0..<20).map { "dk\($0)" }
                let devices = try await gateway.importDevices(names, into: product)
                let key = try await gateway.createApplication(products: [product])
                let members = try (0..<3).map {
                    try gateway.connect(
                        key, clientID: "member-\($0)", version: version,
                        subscribedTo: "$share/g/d/lamp/+/presence")
                }
                for device in devices { try gateway.connect(device).leave() }
                await gateway.settle()
                var words: [String] = []
                for member in members {
                    for packet in try await gateway.unread(by: member) {
                        guard case .publish(let message) = packet else { continue }
                        let notice = try JSONDecoder().decode(
                            PresenceNotice.self, from: Data(message.payload))
                        words.append("\(message.topic) \(notice.state)")
                    }
                }
                let expected = names.flatMap { name in
                    ["connected", "disconnected"].map { "d/lamp/\(name)/presence \($0)" }
                }
                #expect(words.sorted() == expected.sorted())
            }
        }
    }
}
