import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// What the gateway remembers of a device's connections, and a trace that follows it live.
    @Suite struct TraceTests {
        /// Takes events until one is as wanted; what came before it is in the answer, too.
        private func events(
            of trace: DeviceTrace,
            until isLast: (TraceEvent.Kind) -> Bool
        ) async throws -> [TraceEvent.Kind] {
            var kinds: [TraceEvent.Kind] = []
            for _ in 0..<2_000 {
                while let event = trace.next() {
                    kinds.append(event.kind)
                    if isLast(event.kind) { return kinds }
                }
                try await Task.sleep(for: .milliseconds(5))
            }
            Issue.record("no such event: \(kinds)")
            return kinds
        }

        private func packets(_ kinds: [TraceEvent.Kind]) -> [TracedPacket] {
            kinds.compactMap { if case .packet(let packet) = $0 { packet } else { nil } }
        }

        @Test(
            "a trace shows connects, packets both ways with what became of them, and the ending",
            arguments: [1, 2], [ProtocolVersion.v3_1_1, .v5]
        )
        func trace(shards: Int, version: ProtocolVersion) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 2)
                let devices = try await gateway.importDevices(["d1"], into: product)
                let device = try #require(devices.first)
                let trace = DeviceTrace(of: device.identity)
                #expect(await gateway.gateway.begin(trace))
                let credentials = TestCredentials.signed(device, secureMode: 3)
                let client = try TestClient(port: gateway.plainPort, version: version)
                _ = try client.connect(as: credentials)
                try client.subscribe(device.down("#"))
                try client.publish(device.up("a"), "12345", qos: .atLeastOnce)
                try client.publish("d/other/x/up/a", "1", qos: .atLeastOnce)
                let topic = try #require(Downlink.Topic("set"))
                let sent = await gateway.gateway.send(
                    Downlink(topic: topic, payload: [1, 2, 3]), to: device.identity)
                #expect(sent == .delivered)
                _ = try client.message()
                try client.publish(device.up("b"), "over", qos: .atLeastOnce)
                #expect(await gateway.gateway.kick(device.identity))
                let kinds = try await events(of: trace) { $0 == .ended(.kicked) }
                guard case .connected(_, "local", let spoken)? = kinds.first else {
                    Issue.record("\(kinds)")
                    return
                }
                #expect(spoken == (version == .v5 ? "5.0" : "3.1.1"))
                let shown = packets(kinds)
                func types(fromDevice: Bool) -> [String] {
                    shown.filter { $0.isFromDevice == fromDevice }.map(\.type)
                }
                let published = shown.filter { $0.isFromDevice && $0.type == "PUBLISH" }
                #expect(
                    published.map(\.topic) == [device.up("a"), "d/other/x/up/a", device.up("b")])
                #expect(published.map(\.bytes) == [5, 1, 4])
                #expect(published.map(\.qos) == [1, 1, 1])
                #expect(published.map(\.outcome) == ["no-subscriber", "refused", "refused"])
                #expect(published.map(\.reason) == [nil, .topicNotAllowed, .quotaExceeded])
                #expect(types(fromDevice: true).contains("SUBSCRIBE"))
                #expect(types(fromDevice: true).contains("PUBACK"))
                let out = types(fromDevice: false)
                #expect(out.first == "CONNACK" && out.contains("SUBACK"))
                #expect(out.count { $0 == "PUBACK" } == 3)
                let delivered = shown.first { !$0.isFromDevice && $0.type == "PUBLISH" }
                #expect(delivered?.topic == device.down("set") && delivered?.bytes == 3)
                await gateway.gateway.end(trace)
                let again = try TestClient(port: gateway.plainPort, version: version)
                _ = try again.connect(as: credentials)
                try again.publish(device.up("c"), "x", qos: .atLeastOnce)
                #expect(trace.next() == nil)
            }
        }

        @Test(
            "a trace begun while the device is connected shows what comes from then on, and stays bounded"
        )
        func late() async throws {
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["d1"], into: product)
                let device = try #require(devices.first)
                let client = try TestClient.connected(
                    port: gateway.plainPort, as: TestCredentials.signed(device, secureMode: 3))
                let trace = DeviceTrace(of: device.identity)
                #expect(await gateway.gateway.begin(trace))
                for _ in 0..<2_000 { try client.publish(device.up("a"), "x", qos: .atLeastOnce) }
                // A PUBLISH and a PUBACK each; the trace has room for 1,024.
                #expect(trace.dropped == 4_000 - 1_024)
                let first = try #require(trace.next())
                guard case .packet(let packet) = first.kind else {
                    Issue.record("\(first)")
                    return
                }
                #expect(packet.type == "PUBLISH" && packet.isFromDevice)
                await gateway.gateway.end(trace)
            }
        }

        @Test("a trace ends when the gateway drains, after the device's ending")
        func draining() async throws {
            var kept: (DeviceTrace, TestClient)?
            try await TestGateway.run(shards: 1) { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["d1"], into: product)
                let device = try #require(devices.first)
                let client = try TestClient.connected(
                    port: gateway.plainPort, as: TestCredentials.signed(device, secureMode: 3))
                let begun = DeviceTrace(of: device.identity)
                #expect(await gateway.gateway.begin(begun))
                kept = (begun, client)
            }
            let (ended, client) = try #require(kept)
            _ = try client.untilClosed()
            #expect(ended.isOver)
            var kinds: [TraceEvent.Kind] = []
            while let event = ended.next() { kinds.append(event.kind) }
            #expect(kinds.last == .ended(.shuttingDown))
        }

        @Test(
            "the last refusal of a device is remembered with its reason, and so is its last ending",
            arguments: [1, 2]
        )
        func outcomes(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let devices = try await gateway.importDevices(["d1", "d2"], into: product)
                let (first, second) = (devices[0], devices[1])
                func outcomes(_ device: TestDevice) async -> DeviceOutcomes {
                    await gateway.gateway.outcomes(of: device.identity)
                }
                func refuse(_ device: TestDevice, _ credentials: TestCredentials) throws {
                    let client = try TestClient(port: gateway.plainPort)
                    let answer = try client.connect(as: credentials)
                    #expect(answer.code != 0)
                    _ = try client.untilClosed()
                }
                #expect(await outcomes(first) == DeviceOutcomes())
                var wrong = TestCredentials.signed(first, secureMode: 3)
                wrong.password = String(repeating: "0", count: 64)
                try refuse(first, wrong)
                let refusal = try #require(await outcomes(first).lastRefusal)
                #expect(refusal.reason == .badCredentials && refusal.listener == "local")
                #expect(refusal.address.hasPrefix("127.0.0.1:"))
                #expect(await outcomes(first).lastEnding == nil)

                let credentials = TestCredentials.signed(first, secureMode: 3)
                let client = try TestClient.connected(port: gateway.plainPort, as: credentials)
                // The only code is consumed.
                try refuse(second, TestCredentials.signed(second, secureMode: 3))
                #expect(await outcomes(second).lastRefusal?.reason == .noCodeLeft)
                _ = try await gateway.submit(.devices(.setDisabled(first.identity, true)))
                _ = try client.untilClosed()
                #expect(await outcomes(first).lastEnding?.reason == .deviceDisabled)
                try refuse(first, credentials)
                #expect(await outcomes(first).lastRefusal?.reason == .deviceDisabled)
                // Before it is known how a device proves itself: only devices that there are, are remembered.
                var strange = TestCredentials.signed(first, secureMode: 3)
                strange.clientID += "|"
                for (credentials, reason) in [
                    (TestCredentials.secret(first), Reason.notAllowedOnListener),
                    (.signed(first, secureMode: 2), .notAllowedOnListener),
                    (strange, .clientIdentifierNotValid),
                    (
                        TestCredentials(
                            clientID: "x", userName: "\(first.identity)", password: "x"),
                        .notAllowedOnListener
                    ),
                ] {
                    try refuse(first, credentials)
                    #expect(await outcomes(first).lastRefusal?.reason == reason)
                    try refuse(first, wrong)
                    #expect(await outcomes(first).lastRefusal?.reason == .badCredentials)
                }
                try refuse(first, TestCredentials.signed(first, secureMode: 3))
                let ghost = TestDevice(
                    identity: product.identity("ghost"), secret: Secret("of-a-ghost")!)
                try refuse(ghost, TestCredentials.secret(ghost))
                #expect(await outcomes(ghost) == DeviceOutcomes())
                let both = [second.identity, first.identity]
                let last = await gateway.gateway.refusals(of: both)
                #expect(last.map { $0?.reason } == [.noCodeLeft, .deviceDisabled])
            }
        }
    }
}
