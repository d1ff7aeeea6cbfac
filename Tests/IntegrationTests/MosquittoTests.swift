import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Debian's `mosquitto_pub` and `mosquitto_sub`, over TLS with the certificate verified.
    @Suite struct MosquittoTests {
        /// What every call says: where, whom to trust, which version, who.
        private func arguments(
            _ gateway: TestGateway,
            _ version: ProtocolVersion,
            _ credentials: TestCredentials
        ) -> [String] {
            [
                "-h", "127.0.0.1", "-p", "\(gateway.tlsPort)",
                "--cafile", gateway.certificates.authorityFile,
                "-V", version == .v5 ? "mqttv5" : "mqttv311",
                "-i", credentials.clientID,
                "-u", credentials.userName ?? "", "-P", credentials.password ?? "",
            ]
        }

        /// Starts a subscriber that ends after `count` messages; returns when its SUBACK has come.
        private func subscriber(
            _ gateway: TestGateway,
            _ version: ProtocolVersion,
            _ credentials: TestCredentials,
            filter: String,
            count: Int
        ) throws -> ChildProcess {
            let process = try ChildProcess(
                "stdbuf",
                ["-oL", "mosquitto_sub"] + arguments(gateway, version, credentials) + [
                    "-d", "-q", "1", "-t", filter, "-C", "\(count)", "-F", "got %t %q %p",
                ]
            )
            let isSubscribed = process.waitForOutput { output, _ in output.contains("Subscribed") }
            #expect(isSubscribed, "\(process.output) \(process.errors)")
            return process
        }

        /// The messages that a subscriber has printed: topic, QoS and payload.
        private func messages(_ ending: ChildProcess.Ending) -> [String] {
            ending.output.split(separator: "\n").filter { $0.hasPrefix("got ") }
                .map { String($0.dropFirst(4)) }
        }

        private func publish(
            _ gateway: TestGateway,
            _ version: ProtocolVersion,
            _ credentials: TestCredentials,
            topic: String,
            _ payload: String,
            qos: QoS
        ) throws -> ChildProcess.Ending {
            try ChildProcess.run(
                "mosquitto_pub",
                arguments(gateway, version, credentials) + [
                    "-t", topic, "-m", payload, "-q", "\(qos.rawValue)",
                ]
            )
        }

        @Test(
            "mosquitto as a device publishes at QoS 0, 1 and 2, and as an application receives",
            arguments: ProtocolVersion.allCases
        )
        func uplink(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try subscriber(
                    gateway, version, .application(key), filter: "d/lamp/+/up/#", count: 6)
                for credentials in [
                    TestCredentials.signed(device, secureMode: 2), .secret(device, clientID: "dk1"),
                ] {
                    for qos in QoS.allCases {
                        let ending = try publish(
                            gateway, version, credentials, topic: device.up(), "\(qos)", qos: qos)
                        #expect(ending.status == 0, "\(ending.errors)")
                    }
                }
                let ending = try backend.wait()
                let once = ["0 atMostOnce", "1 atLeastOnce", "1 exactlyOnce"]
                #expect(messages(ending) == (once + once).map { "\(device.up()) \($0)" })
                #expect(try gateway.figures(of: product)?.consumed == 1)
            }
        }

        @Test(
            "mosquitto as an application publishes at QoS 0, 1 and 2, and as a device receives",
            arguments: ProtocolVersion.allCases
        )
        func downlink(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let receiver = try subscriber(
                    gateway, version, .signed(device, secureMode: 2), filter: device.down("#"),
                    count: 3)
                for qos in QoS.allCases {
                    let ending = try publish(
                        gateway, version, .application(key), topic: device.down(), "\(qos)",
                        qos: qos)
                    #expect(ending.status == 0, "\(ending.errors)")
                }
                let ending = try receiver.wait()
                #expect(
                    messages(ending)
                        == ["0 atMostOnce", "1 atLeastOnce", "1 exactlyOnce"].map {
                            "\(device.down()) \($0)"
                        }
                )
            }
        }

        @Test(
            "mosquitto is told why it is refused: wrong secret, empty pool, disabled device",
            arguments: ProtocolVersion.allCases
        )
        func refusals(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let secret = try #require(Secret("wrong"))
                let impostor = TestDevice(identity: devices[0].identity, secret: secret)
                func expectRefusal(_ device: TestDevice, _ code: Expectation, _ text: String) throws
                {
                    let ending = try publish(
                        gateway, version, .signed(device, secureMode: 2), topic: device.up(), "x",
                        qos: .atLeastOnce)
                    #expect(ending.status == Int32(code.code(in: version)), "\(ending.errors)")
                    #expect(ending.errors.lowercased().contains(text), "\(ending.errors)")
                }
                let name = version == .v5 ? "" : "connection refused: "
                try expectRefusal(
                    impostor, .badCredentials,
                    version == .v5
                        ? "bad user name or password" : "\(name)bad user name or password")
                _ = try publish(
                    gateway, version, .signed(devices[0], secureMode: 2), topic: devices[0].up(),
                    "x",
                    qos: .atLeastOnce)
                try expectRefusal(
                    devices[1], .quotaExceeded,
                    version == .v5 ? "quota exceeded" : "\(name)not authorised")
                try await gateway.submit(.devices(.setDisabled(devices[0].identity, true)))
                try expectRefusal(
                    devices[0], .notAuthorized,
                    version == .v5 ? "not authorized" : "\(name)not authorised")
            }
        }

        @Test(
            "mosquitto over its quota: 0x97 in MQTT 5, taken for success in 3.1.1, dropped in both",
            arguments: ProtocolVersion.allCases
        )
        func quota(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                for number in 0..<3 {
                    let ending = try publish(
                        gateway, version, .signed(device, secureMode: 2), topic: device.up(),
                        "\(number)", qos: number == 2 ? .exactlyOnce : .atLeastOnce)
                    #expect(ending.status == 0)
                    #expect(
                        ending.errors.contains("failed: Quota exceeded")
                            == (version == .v5 && number > 0),
                        "\(ending.errors)"
                    )
                }
                #expect(try backend.message().text == "0")
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test(
            "C6: mosquitto past its quota, where the account has a pack, at QoS 0, 1 and 2",
            arguments: ProtocolVersion.allCases
        )
        func topUp(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 0)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let backend = try gateway.connect(key, subscribedTo: "d/lamp/+/up/#")
                try await gateway.buyPack(3, for: product)
                for number in 0..<5 {
                    // At QoS 0 the tool says goodbye right behind its message.
                    let ending = try publish(
                        gateway, version, .signed(device, secureMode: 2), topic: device.up(),
                        "\(number)", qos: QoS.allCases[number % 3])
                    #expect(ending.status == 0)
                    let isRefused = version == .v5 && number == 4
                    #expect(
                        ending.errors.contains("failed: Quota exceeded") == isRefused,
                        "\(ending.errors)"
                    )
                }
                let texts = try (0..<3).map { _ in try backend.message().text }
                #expect(texts == ["0", "1", "2"])
                #expect(try await gateway.unread(by: backend) == [])
            }
        }

        @Test(
            "C10: mosquitto sends to a device over its quota: 0x97 in MQTT 5, success in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func downlinkOverQuota(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let key = try await gateway.createApplication(products: [product])
                for device in devices {
                    let client = try gateway.connect(device)
                    try client.subscribe(device.down("#"))
                    for number in 0..<3 {
                        let ending = try publish(
                            gateway, version, .application(key), topic: device.down(),
                            "\(number)", qos: number == 2 ? .exactlyOnce : .atLeastOnce)
                        #expect(ending.status == 0)
                        #expect(
                            ending.errors.contains("failed: Quota exceeded")
                                == (version == .v5 && number > 0),
                            "\(ending.errors)"
                        )
                    }
                    #expect(try client.message().text == "0")
                    #expect(try await gateway.unread(by: client) == [])
                }
            }
        }

        @Test("mosquitto refuses a gateway whose certificate is another authority's")
        func verification() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let other = try TestCertificates()
                let credentials = TestCredentials.signed(device, secureMode: 2)
                var words = arguments(gateway, .v5, credentials)
                words[5] = other.authorityFile
                let ending = try ChildProcess.run(
                    "mosquitto_pub", words + ["-t", device.up(), "-m", "x"])
                #expect(ending.status != 0)
                #expect(try gateway.figures(of: product)?.consumed == 0)
            }
        }
    }
}
