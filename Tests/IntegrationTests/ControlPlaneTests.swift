import Ledger
import MQTT
import Metering
import Support
import TestFiles
import TLS
import Testing
import Time

@testable import Gateway

extension WholeGateway {
    /// What the control side learns of clients, and TLS as clients meet it.
    @Suite struct ControlPlaneTests {
        @Test(
            "the connection of a device is shown, its presence, its usage and the product's count")
        func presence() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 100)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let client = try TestClient.connected(
                    port: gateway.tlsPort, certificates: gateway.certificates, version: .v3_1_1,
                    as: .signed(devices[0], secureMode: 2), keepAliveSeconds: 90)
                let payload = [UInt8](repeating: 0, count: 600)
                try client.publish(devices[0].up(), bytes: payload, qos: .atLeastOnce)
                let shown = try #require(await gateway.gateway.connection(of: devices[0].identity))
                #expect(shown.listener == "devices")
                #expect(shown.protocolVersion == "3.1.1")
                #expect(shown.keepAliveSeconds == 90)
                #expect(shown.encryption?.version == "TLSv1.3")
                #expect(shown.encryption?.cipher == "TLS_AES_128_GCM_SHA256")
                #expect(shown.encryption?.isResumed == false)
                #expect(shown.address.hasPrefix("127.0.0.1:"))
                #expect(await gateway.gateway.connection(of: devices[1].identity) == nil)
                #expect(await gateway.gateway.onlineCount(of: product.key) == 1)
                let presence = try await gateway.gateway.presence(of: devices.map(\.identity))
                #expect(presence.map(\.isOnline) == [true, false])
                #expect(try await gateway.gateway.usage(of: devices[0].identity).today.used == 2)
                #expect(try await gateway.gateway.usage(of: devices[1].identity).today.used == 0)
                try client.disconnect()
                try await until { await gateway.gateway.onlineCount(of: product.key) == 0 }
                let later = try await gateway.gateway.presence(of: [devices[0].identity])
                #expect(later.first?.isOnline == false)
                // When its last count has been written.
                try await until {
                    try await gateway.gateway.presence(of: [devices[0].identity]).first?.lastSeenAt
                        != nil
                }
                #expect(try await gateway.gateway.usage(of: devices[0].identity).today.used == 2)
            }
        }

        @Test(
            "a device that only listens was last seen when its connection ended, however it ended; a connect writes nothing",
            arguments: [1, 2]
        )
        func lastSeen(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("d1", into: product)
                func lastSeen() async throws -> Timestamp? {
                    try await gateway.gateway.presence(of: [device.identity]).first?.lastSeenAt
                }
                func stored() throws -> UsageRecord? {
                    try gateway.gateway.usage.usage(of: device.identity)
                }
                #expect(try await lastSeen() == nil)
                let client = try gateway.connect(device)
                #expect(try stored() == nil)
                // A connection that takes over leaves the device where it is.
                let second = try gateway.connect(device)
                _ = try client.untilClosed()
                #expect(try stored() == nil)
                var leaving = gateway.gateway.now
                try second.disconnect()
                try await until { try await lastSeen().map { $0 >= leaving } ?? false }
                let third = try gateway.connect(device)
                leaving = gateway.gateway.now
                #expect(await gateway.gateway.kick(device.identity))
                _ = try third.untilClosed()
                try await until { try stored().map { $0.seenAt >= leaving } ?? false }
                #expect(try stored()?.days == [])
                #expect(try gateway.gateway.usage.verify() == [])
            }
        }

        @Test("readiness: all in order while it runs, not after it has drained")
        func readiness() async throws {
            let gateway = try TestGateway()
            let running = await gateway.gateway.readiness()
            #expect(running.isReady, "\(running)")
            await gateway.stop()
            #expect(await gateway.gateway.readiness().isReady == false)
        }

        @Test("a TLS session is resumed on any shard, and over a restart")
        func resumption() async throws {
            let directory = TemporaryDirectory()
            var tickets: [TLSResumption] = []
            try await TestGateway.run(directory: directory) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(
                    (0..<6).map { "dk\($0)" }, into: product)
                for device in devices {
                    let client = try TestClient.connected(
                        port: gateway.tlsPort, certificates: gateway.certificates,
                        as: .signed(device, secureMode: 2))
                    try client.ping()
                    let ticket = try #require(client.resumption)
                    let again = try TestClient(
                        port: gateway.tlsPort, context: gateway.certificates.clientContext,
                        resuming: ticket)
                    #expect(try again.connect(as: .signed(device, secureMode: 2)).code == 0)
                    try again.ping()
                    tickets.append(try #require(again.resumption))
                }
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 6)
            }
            try await TestGateway.run(directory: directory) { gateway in
                for ticket in tickets {
                    let client = try TestClient(
                        port: gateway.tlsPort, context: gateway.certificates.clientContext,
                        resuming: ticket)
                    try client.send([0xC0, 0])
                    #expect(try client.untilClosed().isEmpty)
                }
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 6)
            }
        }

        @Test(
            "a TLS session of one gateway is resumed on another one that has its ticket key, and on no other",
            arguments: TLSVersion.allCases)
        func resumptionElsewhere(version: TLSVersion) async throws {
            let (shared, other) = (TemporaryDirectory(), TemporaryDirectory())
            let client = try TLSContext(
                connecting: TLSClientConfiguration(
                    authorityFile: TestCertificates.shared.authorityFile, minimumVersion: version,
                    maximumVersion: version))
            var ticket: TLSResumption?
            for (secrets, isResumed) in [(shared, false), (shared, true), (other, false)] {
                let known = ticket
                try await TestGateway.run(configure: { $0.secrets = secrets.file("secrets") }) {
                    gateway in
                    let test = try TestClient(
                        port: gateway.tlsPort, context: client, resuming: known)
                    // Of TLS 1.3, the ticket comes with what is said next.
                    let device = try await gateway.importDevices(
                        ["d1"], into: try await gateway.createProduct())
                    #expect(try test.connect(as: .signed(device[0], secureMode: 2)).code == 0)
                    try test.ping()
                    ticket = ticket ?? test.resumption
                    #expect(
                        await gateway.metric("tollgate_tls_handshakes_resumed_total")
                            == (isResumed ? 1 : 0))
                }
            }
            #expect(ticket != nil)
        }

        @Test(
            "a device with a certificate: subject CN {PK}.{DK}, or URI urn:tollgate:device:{PK}:{DK}"
        )
        func certificate() async throws {
            let certificates = TestCertificates.shared
            try await TestGateway.run(configure: { $0.tls.clientCA = certificates.authorityFile }) {
                gateway in
                let product = try await gateway.createProduct()
                let byName = try await gateway.importUnregistered("by.name", into: product)
                let byURI = try await gateway.importUnregistered("by:uri", into: product)
                let contexts = [
                    try certificates.clientContext(commonName: "\(byName)"),
                    try certificates.clientContext(
                        commonName: "nobody", alternativeName: "URI:urn:tollgate:device:lamp:by:uri"
                    ),
                ]
                for (context, identity) in zip(contexts, [byName, byURI]) {
                    let client = try TestClient(port: gateway.tlsPort, context: context)
                    #expect(try client.connect(as: .anonymous("any")).code == 0)
                    let topic = "d/lamp/\(identity.device)/up/x"
                    #expect(try client.publish(topic, "x", qos: .atLeastOnce)?.code == 0)
                    #expect(await gateway.gateway.connection(of: identity) != nil)
                }
                // Without one the others' ways are open still.
                let device = try await gateway.importDevice("dk1", into: product)
                let credentials = TestCredentials.signed(device, secureMode: 2)
                #expect(try gateway.answer(to: credentials, overTLS: true, version: .v5).code == 0)
            }
        }

        @Test("MQTT 5 properties of a message go with it, across shards")
        func properties() async throws {
            try await TestGateway.run { gateway in
                let subscribers = try (0..<4).map { number in
                    let client = try TestClient.connected(
                        port: gateway.openPort, as: .anonymous("subscriber-\(number)"))
                    try client.subscribe("t/#")
                    return client
                }
                let classic = try TestClient.connected(
                    port: gateway.openPort, version: .v3_1_1, as: .anonymous("classic"))
                try classic.subscribe("t/#")
                let publisher = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("publisher"))
                let topic = Array("t/1".utf8)
                let value = Array("value".utf8)
                try publisher.send { buffer in
                    Publish.encode(
                        topic: topic.span, payload: value.span, qos: .atLeastOnce, packetID: 1,
                        version: .v5, into: &buffer
                    ) { properties in
                        properties.contentType(value.span)
                        properties.correlationData(value.span)
                        properties.responseTopic(topic.span)
                        properties.userProperty(name: topic.span, value: value.span)
                    }
                }
                for subscriber in subscribers {
                    let message = try subscriber.message()
                    #expect(message.text == "value")
                    #expect(
                        message.properties == ["content-type", "correlation", "response", "user"])
                }
                let message = try classic.message()
                #expect(message.text == "value")
                #expect(message.properties.isEmpty)
            }
        }

        @Test(
            "[MQTT-3.3.4-2] a client whose filters overlap gets a message once, at the highest QoS")
        func overlap() async throws {
            try await TestGateway.run { gateway in
                let publisher = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("publisher"))
                for number in 0..<4 {
                    let client = try TestClient.connected(
                        port: gateway.openPort, as: .anonymous("subscriber-\(number)"))
                    try client.subscribe("t/#", qos: .atMostOnce)
                    try client.subscribe("t/+", qos: .atLeastOnce)
                    try client.subscribe("#", qos: .atMostOnce)
                    try publisher.publish("t/1", "x", qos: .atLeastOnce)
                    #expect(try client.message().qos == .atLeastOnce)
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }
    }
}
