import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// MQTT 3.1 (`MQIsdp`), where a listener takes it.
    @Suite struct MQTT31Tests {
        private func run(_ body: (TestGateway) async throws -> Void) async throws {
            try await TestGateway.run(
                configure: { configuration in
                    for index in configuration.listeners.indices {
                        configuration.listeners[index].mqtt31 = true
                    }
                }, body)
        }

        private func client(_ gateway: TestGateway) throws -> TestClient {
            try TestClient(port: gateway.openPort, version: .v3_1_1)
        }

        private func connected(
            _ gateway: TestGateway, _ clientID: String, isCleanStart: Bool = true
        ) throws -> TestClient {
            let client = try client(gateway)
            let answer = try client.connectByMQTT31(
                as: .anonymous(clientID), isCleanStart: isCleanStart)
            #expect(answer.code == 0)
            return client
        }

        @Test("by default it is refused with 1, as any other version")
        func off() async throws {
            try await TestGateway.run { gateway in
                let answer = try client(gateway).connectByMQTT31(as: .anonymous("c"))
                #expect(answer.code == 1)
                #expect(await gateway.endings(.unsupportedProtocolVersion) == 1)
            }
        }

        @Test(
            "a device comes in with its long signed name, is shown with its version, and is counted"
        )
        func device() async throws {
            try await run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let client = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let credentials = TestCredentials.signed(device, secureMode: 3)
                #expect(credentials.clientID.utf8.count > 23)
                #expect(try client.connectByMQTT31(as: credentials).code == 0)
                let connection = await gateway.gateway.connection(of: device.identity)
                #expect(connection?.protocolVersion == "3.1")
                #expect(
                    try client.publish("\(device.topicPrefix)up/a", "x", qos: .exactlyOnce) != nil)
                // Not its own topic: acknowledged and dropped, as of 3.1.1.
                #expect(try client.publish("d/other/dk/up/a", "x", qos: .atLeastOnce) != nil)
                let wrong = try TestClient(port: gateway.plainPort, version: .v3_1_1)
                let impostor = TestDevice(
                    identity: device.identity, secret: try #require(Secret("wrong")))
                #expect(
                    try wrong.connectByMQTT31(as: .signed(impostor, secureMode: 3)).code == 4)
            }
        }

        @Test("an empty client identifier is rejected with 2, with a clean session too")
        func unnamed() async throws {
            try await run { gateway in
                for isCleanStart in [true, false] {
                    let answer = try client(gateway).connectByMQTT31(
                        as: .anonymous(""), isCleanStart: isCleanStart)
                    #expect(answer.code == 2)
                }
            }
        }

        @Test("a session is taken up without being said to be present")
        func session() async throws {
            try await run { gateway in
                let first = try connected(gateway, "keeper", isCleanStart: false)
                #expect(try first.subscribe("kept/#", qos: .atLeastOnce) == [1])
                try first.disconnect()
                _ = try first.untilClosed()
                let sender = try connected(gateway, "sender")
                _ = try sender.publish("kept/a", "x", qos: .atLeastOnce)
                let again = try client(gateway)
                let answer = try again.connectByMQTT31(
                    as: .anonymous("keeper"), isCleanStart: false)
                #expect(answer.code == 0 && !answer.isSessionPresent)
                #expect(try again.message().text == "x")
                // The same of 3.1.1 is said.
                try again.disconnect()
                _ = try again.untilClosed()
                let today = try client(gateway)
                #expect(
                    try today.connect(as: .anonymous("keeper"), isCleanStart: false)
                        .isSessionPresent)
            }
        }

        @Test("a subscription that is refused is granted QoS 0, and brings nothing")
        func refusedSubscription() async throws {
            try await TestGateway.run(configure: { configuration in
                for index in configuration.listeners.indices {
                    configuration.listeners[index].mqtt31 = true
                    if configuration.listeners[index].authentication == .none {
                        configuration.listeners[index].deniedTopics = ["secret/#"]
                    }
                }
            }) { gateway in
                let client = try connected(gateway, "c")
                #expect(try client.subscribe("secret/a", "open/a", qos: .atLeastOnce) == [0, 1])
                let today = try TestClient(port: gateway.openPort, version: .v3_1_1)
                _ = try today.connect(as: .anonymous("d"))
                #expect(try today.subscribe("secret/a", "open/a", qos: .atLeastOnce) == [0x80, 1])
                _ = try today.publish("open/a", "x", qos: .atLeastOnce)
                #expect(try client.message().text == "x")
            }
        }

        @Test("SUBSCRIBE, UNSUBSCRIBE and PUBREL may be marked as sent again, many in one write")
        func repetitions() async throws {
            try await run { gateway in
                let client = try connected(gateway, "c")
                let filter: [UInt8] = [0, 3] + Array("a/b".utf8)
                // QoS 2 message 5, its PUBREL twice, SUBSCRIBE 6, UNSUBSCRIBE 7, PINGREQ.
                let publish: [UInt8] = [0x34, 8] + filter + [0, 5, 120]
                try client.send(
                    publish + [0x62, 2, 0, 5, 0x6A, 2, 0, 5]
                        + [0x8A, 8, 0, 6] + filter + [1] + [0xAA, 7, 0, 7] + filter
                        + [0xC0, 0])
                var answers: [TestPacket] = []
                // SUBACK waits for all shards.
                for _ in 0..<6 { answers.append(try #require(try client.next())) }
                #expect(answers.contains(.pingresp))
                #expect(answers.contains(.subscription(.suback, packetID: 6, codes: [1])))
                #expect(answers.contains(.subscription(.unsuback, packetID: 7, codes: [])))
                // Byte by byte.
                for byte in [0x8A, 8, 0, 8] + filter + [1] + [0xC0, 0] { try client.send([byte]) }
                answers = [try #require(try client.next()), try #require(try client.next())]
                #expect(answers.contains(.subscription(.suback, packetID: 8, codes: [1])))
                #expect(answers.contains(.pingresp))
                // Other flags are malformed, and of 3.1.1 these are.
                try client.send([0x88, 8, 0, 9] + filter + [1])
                #expect(try client.untilClosed().isEmpty)
                let today = try TestClient(port: gateway.openPort, version: .v3_1_1)
                _ = try today.connect(as: .anonymous("d"))
                try today.send([0x8A, 8, 0, 6] + filter + [1])
                #expect(try today.untilClosed().isEmpty)
            }
        }

        /// The package's root, from where this file is.
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")

        @Test("paho with MQTTv31: as device and application, QoS 0, 1 and 2 up, 0 and 1 down")
        func paho() async throws {
            try await run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let signed = TestCredentials.signed(device, secureMode: 2)
                let backend = TestCredentials.application(key)
                let ending = try ChildProcess.run(
                    "\(Self.root)/.build-venv/bin/python",
                    [
                        "\(Self.root)/Tests/IntegrationTests/paho_scenarios.py", "exchange",
                        "\(gateway.tlsPort)", gateway.certificates.authorityFile, "3",
                        device.topicPrefix, signed.clientID, signed.userName ?? "",
                        signed.password ?? "", backend.clientID, backend.userName ?? "",
                        backend.password ?? "",
                    ],
                    seconds: 30)
                #expect(ending.status == 0, "\(ending.output) \(ending.errors)")
                #expect(
                    ending.output == """
                        up atMostOnce 0
                        up atLeastOnce 1
                        up exactlyOnce 1
                        down atMostOnce 0
                        down atLeastOnce 1

                        """)
            }
        }

        @Test("mosquitto with mqttv31 publishes as a device and receives as an application")
        func mosquitto() async throws {
            try await run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                func arguments(_ credentials: TestCredentials) -> [String] {
                    [
                        "-h", "127.0.0.1", "-p", "\(gateway.tlsPort)",
                        "--cafile", gateway.certificates.authorityFile, "-V", "mqttv31",
                        "-i", credentials.clientID, "-u", credentials.userName ?? "",
                        "-P", credentials.password ?? "",
                    ]
                }
                let backend = try ChildProcess(
                    "stdbuf",
                    ["-oL", "mosquitto_sub"] + arguments(.application(key)) + [
                        "-d", "-q", "1", "-t", "d/lamp/+/up/#", "-C", "3", "-F", "got %q %p",
                    ])
                #expect(backend.waitForOutput { output, _ in output.contains("Subscribed") })
                for qos in QoS.allCases {
                    let sent = try ChildProcess.run(
                        "mosquitto_pub",
                        arguments(.secret(device, clientID: "dk1")) + [
                            "-t", "\(device.topicPrefix)up/x", "-m", "\(qos)", "-q",
                            "\(qos.rawValue)",
                        ])
                    #expect(sent.status == 0, "\(sent.errors)")
                }
                let got = try backend.wait().output.split(separator: "\n")
                    .filter { $0.hasPrefix("got ") }
                #expect(got == ["got 0 atMostOnce", "got 1 atLeastOnce", "got 1 exactlyOnce"])
            }
        }
    }
}
