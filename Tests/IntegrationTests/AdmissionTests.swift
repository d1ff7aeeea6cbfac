import Gateway
import Ledger
import MQTT
import Reactor
import Support
import Testing
import Time

extension WholeGateway {
    /// CONNECT and its answers: Wire.md, "Who connects" and "Refusals and endings".
    @Suite struct AdmissionTests {
        @Test(
            "B1: a device's first connection consumes a code; signed, by its secret, over TLS or plain",
            arguments: ProtocolVersion.allCases
        )
        func ways(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 3)
                let devices = try await gateway.importDevices(["a", "b", "c"], into: product)
                let plain = TestCredentials.signed(devices[0], secureMode: 3)
                #expect(try gateway.answer(to: plain, version: version).code == 0)
                let signed = TestCredentials.signed(
                    devices[1], secureMode: 2, timestamp: 1_600_000_000)
                #expect(try gateway.answer(to: signed, overTLS: true, version: version).code == 0)
                let secret = TestCredentials.secret(devices[2], clientID: "whatever")
                #expect(try gateway.answer(to: secret, overTLS: true, version: version).code == 0)
                #expect(try gateway.answer(to: secret, overTLS: true, version: version).code == 0)
                let figures = try gateway.figures(of: product)
                #expect(figures?.consumed == 3)
                #expect(figures?.devicesActive == 3)
            }
        }

        @Test(
            "wrong secret, unknown device, unknown product and unknown key: 0x86, and 4 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func badCredentials(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication()
                guard let wrong = Secret("wrong"), let other = ProductKey("nolamp") else { return }
                let expected = Expectation.badCredentials.code(in: version)
                let impostor = TestDevice(identity: device.identity, secret: wrong)
                let nobody = TestDevice(identity: product.identity("nobody"), secret: device.secret)
                let nowhere = TestDevice(
                    identity: DeviceIdentity(product: other, device: device.identity.device),
                    secret: device.secret
                )
                for stranger in [impostor, nobody, nowhere] {
                    let signed = TestCredentials.signed(stranger, secureMode: 3)
                    #expect(try gateway.answer(to: signed, version: version).code == expected)
                    let secret = TestCredentials.secret(stranger)
                    let answer = try gateway.answer(to: secret, overTLS: true, version: version)
                    #expect(answer.code == expected)
                }
                let noKey = TestApplication(key: key.key, secret: "wrong")
                let refused = TestCredentials.application(noKey)
                #expect(try gateway.answer(to: refused, version: version).code == expected)
                let nameless = TestCredentials.anonymous("somebody")
                #expect(try gateway.answer(to: nameless, version: version).code == expected)
                try await gateway.submit(.keys(.revoke(key.key)))
                let revoked = TestCredentials.application(key)
                #expect(try gateway.answer(to: revoked, version: version).code == expected)
                #expect(try gateway.figures(of: product)?.consumed == 0)
            }
        }

        @Test("MQTT 5 refusals carry a reason string, unless the client asked for none on others")
        func reasonString() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 0)
                let device = try await gateway.importDevice("dk1", into: product)
                let answer = try gateway.answer(to: .signed(device, secureMode: 3), version: .v5)
                #expect(answer.reasonString == "no activation code left")
            }
        }

        @Test(
            "B12: a disabled device is refused with 0x87, and 5 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func disabled(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await gateway.submit(.devices(.setDisabled(device.identity, true)))
                let credentials = TestCredentials.signed(device, secureMode: 3)
                let answer = try gateway.answer(to: credentials, version: version)
                #expect(answer.code == Expectation.notAuthorized.code(in: version))
                try await gateway.submit(.devices(.setDisabled(device.identity, false)))
                #expect(try gateway.answer(to: credentials, version: version).code == 0)
            }
        }

        @Test(
            "B3: with an empty pool a new device gets 0x97 (5 in 3.1.1), an active one gets in",
            arguments: ProtocolVersion.allCases
        )
        func emptyPool(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let devices = try await gateway.importDevices(["first", "late"], into: product)
                let first = TestCredentials.signed(devices[0], secureMode: 3)
                let late = TestCredentials.signed(devices[1], secureMode: 3)
                #expect(try gateway.answer(to: first, version: version).code == 0)
                let answer = try gateway.answer(to: late, version: version)
                #expect(answer.code == Expectation.quotaExceeded.code(in: version))
                #expect(try gateway.answer(to: first, version: version).code == 0)
                #expect(try gateway.record(of: devices[1].identity)?.codesConsumed == 0)
                try await gateway.buy(1, for: product)
                #expect(try gateway.answer(to: late, version: version).code == 0)
            }
        }

        @Test(
            "B7: an activation that has expired and is not renewed: 0x97, and 5 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func expired(version: ProtocolVersion) async throws {
            let clock = ManualClock(wall: Timestamp(seconds: 1_790_000_000))
            try await TestGateway.run(time: .manual(clock)) { gateway in
                let product = try await gateway.createProduct(validityDays: 30)
                let device = try await gateway.importDevice("dk1", into: product)
                let credentials = TestCredentials.signed(device, secureMode: 3)
                #expect(try gateway.answer(to: credentials, version: version).code == 0)
                try await gateway.submit(
                    .products(.update(product.key, ProductUpdate(autoRenewal: false))))
                clock.advance(milliseconds: 31 * 86_400_000)
                gateway.gateway.clockMoved()
                let answer = try gateway.answer(to: credentials, version: version)
                #expect(answer.code == Expectation.quotaExceeded.code(in: version))
                if version == .v5 {
                    #expect(answer.reasonString == "the activation has expired and is not renewed")
                }
                #expect(try gateway.record(of: device.identity)?.codesConsumed == 1)
            }
        }

        @Test(
            "a signing client id that is not of the form: 0x85, and 2 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func clientIdentifier(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                var credentials = TestCredentials.signed(device, secureMode: 3)
                for clientID in [
                    "lamp.other|securemode=3,signmethod=hmacsha256|",
                    "lamp.dk1|securemode=3,signmethod=hmacmd5|",
                    "lamp.dk1|signmethod=hmacsha256|",
                    "lamp.dk1|securemode=3|",
                    "lamp.dk1|securemode=3,authType=other,signmethod=hmacsha256|",
                ] {
                    credentials.clientID = clientID
                    let answer = try gateway.answer(to: credentials, version: version)
                    #expect(answer.code == (version == .v5 ? 0x85 : 2), "\(clientID)")
                }
            }
        }

        @Test(
            "credentials that the listener does not take: 0x87, and 5 in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func listener(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(registration: .open)
                let device = try await gateway.importDevice("dk1", into: product)
                let expected = Expectation.notAuthorized.code(in: version)
                let refusedPlain = [
                    TestCredentials.secret(device, clientID: "lamp.dk1"),
                    .signed(device, secureMode: 2),
                    .registering(product.identity("new"), productSecret: product.secret),
                    .registering(
                        product.identity("new"), productSecret: product.secret, secureMode: 3),
                ]
                for credentials in refusedPlain {
                    let answer = try gateway.answer(to: credentials, version: version)
                    #expect(answer.code == expected, "\(credentials.clientID)")
                }
                let plainMode = TestCredentials.signed(device, secureMode: 3)
                let answer = try gateway.answer(to: plainMode, overTLS: true, version: version)
                #expect(answer.code == expected)
            }
        }

        @Test("unsupported protocol version: 1 below MQTT 5, 0x84 above it")
        func protocolVersion() async throws {
            try await TestGateway.run { gateway in
                for (name, level, version, code) in [
                    ("MQIsdp", UInt8(3), ProtocolVersion.v3_1_1, UInt8(1)),
                    ("MQTT", 3, .v3_1_1, 1),
                    ("MQTT", 6, .v5, 0x84),
                ] {
                    let client = try TestClient(port: gateway.plainPort, version: version)
                    let body =
                        [0, UInt8(name.utf8.count)] + Array(name.utf8) + [
                            level, 2, 0, 60, 0, 1, 65,
                        ]
                    try client.send([0x10, UInt8(body.count)] + body)
                    guard case .connack(let connack) = try client.next() else {
                        Issue.record("no CONNACK for \(name) \(level)")
                        continue
                    }
                    #expect(connack.code == code)
                    #expect(try client.next() == nil)
                }
            }
        }

        @Test(
            "[MQTT-3.1.0-1] the first packet must be a CONNECT, [MQTT-3.1.0-2] and only the first")
        func onlyOneConnect() async throws {
            try await TestGateway.run { gateway in
                let early = try TestClient(port: gateway.openPort)
                try early.send([0xC0, 0])
                #expect(try early.untilClosed().isEmpty)
                let twice = try TestClient.connected(
                    port: gateway.openPort, as: .anonymous("twice"))
                try twice.sendConnect(as: .anonymous("twice"))
                #expect(try twice.endingCode() == 0x82)
            }
        }

        @Test("[MQTT-3.1.3-7] an empty client id is replaced, and MQTT 5 clients are told")
        func assignedClientIdentifier() async throws {
            try await TestGateway.run { gateway in
                let first = try TestClient(port: gateway.openPort)
                let second = try TestClient(port: gateway.openPort)
                let firstID = try first.connect(as: .anonymous("")).assignedClientID
                let secondID = try second.connect(as: .anonymous("")).assignedClientID
                #expect(firstID != nil && firstID != secondID)
                try first.ping()
            }
        }

        @Test("the keep-alive is held to the limits, and MQTT 5 clients are told")
        func serverKeepAlive() async throws {
            try await TestGateway.run { gateway in
                gateway.expectKeepAlive(asked: 0, told: 3_600)
                gateway.expectKeepAlive(asked: 60, told: nil)
                gateway.expectKeepAlive(asked: 7_200, told: 3_600)
            }
        }

        @Test("a longer keep-alive than the limit is kept for MQTT 3.1.1, which can't be told")
        func longKeepAlive() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                _ = try client.connect(as: .signed(device, secureMode: 3), keepAliveSeconds: 7_200)
                let connection = await gateway.gateway.connection(of: device.identity)
                #expect(connection?.keepAliveSeconds == 7_200)
            }
        }
    }
}

extension TestGateway {
    fileprivate func expectKeepAlive(asked: UInt16, told: UInt16?) {
        #expect(throws: Never.self) {
            let client = try TestClient(port: openPort)
            let answer = try client.connect(as: .anonymous("keeper"), keepAliveSeconds: asked)
            #expect(answer.serverKeepAliveSeconds == told)
        }
    }
}
