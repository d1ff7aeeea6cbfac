import Gateway
import Glibc
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// PyPI's `paho-mqtt`, over TLS with the certificate verified. `make test` installs it into
    /// `.build-venv` in the package's root.
    @Suite struct PahoTests {
        /// The package's root, from where this file is.
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")

        private func run(
            _ scenario: String,
            _ gateway: TestGateway,
            _ version: ProtocolVersion,
            device: TestDevice,
            _ application: TestApplication,
            _ more: [String] = []
        ) throws -> ChildProcess.Ending {
            let signed = TestCredentials.signed(device, secureMode: 2)
            let backend = TestCredentials.application(application)
            return try ChildProcess.run(
                "\(Self.root)/.build-venv/bin/python",
                [
                    "\(Self.root)/Tests/IntegrationTests/paho_scenarios.py", scenario,
                    "\(gateway.tlsPort)", gateway.certificates.authorityFile,
                    version == .v5 ? "5" : "4", device.topicPrefix,
                    signed.clientID, signed.userName ?? "", signed.password ?? "",
                    backend.clientID, backend.userName ?? "", backend.password ?? "",
                ] + more,
                seconds: 30
            )
        }

        @Test(
            "paho as device and application: QoS 0, 1 and 2 up, 0 and 1 down",
            arguments: ProtocolVersion.allCases
        )
        func exchange(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let ending = try run("exchange", gateway, version, device: device, key)
                #expect(ending.status == 0, "\(ending.output) \(ending.errors)")
                #expect(
                    ending.output == """
                        up atMostOnce 0
                        up atLeastOnce 1
                        up exactlyOnce 1
                        down atMostOnce 0
                        down atLeastOnce 1

                        """
                )
            }
        }

        @Test(
            "paho attaches a child, publishes for it, and hears what is for it",
            arguments: ProtocolVersion.allCases)
        func children(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["hub", "dk1"], into: product)
                let key = try await gateway.createApplication(products: [product])
                // As it would sign where its parent connects.
                let signed = TestCredentials.signed(devices[1], secureMode: 2)
                let request =
                    #"{"clientId":"\#(signed.clientID)","userName":"\#(signed.userName ?? "")","#
                    + #""password":"\#(signed.password ?? "")"}"#
                let ending = try run(
                    "children", gateway, version, device: devices[0], key,
                    [request, devices[1].topicPrefix])
                #expect(ending.status == 0, "\(ending.output) \(ending.errors)")
                #expect(
                    ending.output == """
                        sys/children/attached {"pk":"lamp","dk":"dk1"}
                        answer 0
                        up 1
                        answer 0
                        up 2
                        down 0 0
                        down 1 1
                        sys/children/detached disconnected

                        """)
            }
        }

        @Test(
            "paho is told wrong secret, disabled device and empty pool",
            arguments: ProtocolVersion.allCases
        )
        func refusals(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 0)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let key = try await gateway.createApplication(products: [product])
                try await gateway.submit(.devices(.setDisabled(devices[1].identity, true)))
                let secret = try #require(Secret("wrong"))
                let impostor = TestDevice(identity: devices[0].identity, secret: secret)
                for (device, expected) in [
                    (impostor, Expectation.badCredentials), (devices[0], .quotaExceeded),
                    (devices[1], .notAuthorized),
                ] {
                    let ending = try run("connect", gateway, version, device: device, key)
                    // paho translates the codes of 3.1.1 to those of MQTT 5.
                    let code =
                        version == .v5 ? expected.reason : expected == .badCredentials ? 0x86 : 0x87
                    #expect(ending.output == "\(code)\n", "\(ending.errors)")
                }
            }
        }

        @Test(
            "paho over its quota: PUBACK 0x97 in MQTT 5, success in 3.1.1, and one notice",
            arguments: ProtocolVersion.allCases
        )
        func quota(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                let ending = try run("quota", gateway, version, device: device, key)
                // paho does not look at PUBREC's code, sends PUBREL all the same, and is told that there
                // is no such message.
                let codes = version == .v5 ? [0x10, 0x97, 0x92] : [0, 0, 0]
                let expected = codes.map { "\($0)\n" }.joined() + "notice\n"
                #expect(ending.output == expected, "\(ending.errors)")
            }
        }

        @Test(
            "C6: paho past its quota, where the account has a pack: success until that is used up",
            arguments: ProtocolVersion.allCases
        )
        func topUp(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let key = try await gateway.createApplication(products: [product])
                try await gateway.buyPack(1, for: product)
                let ending = try run("quota", gateway, version, device: device, key)
                // As to PUBREC, see above.
                let codes = version == .v5 ? [0x10, 0x10, 0x92] : [0, 0, 0]
                let expected = codes.map { "\($0)\n" }.joined() + "notice\n"
                #expect(ending.output == expected, "\(ending.errors)")
            }
        }

        @Test(
            "C10: paho sends to a device over its quota: PUBACK 0x97 in MQTT 5, success in 3.1.1",
            arguments: ProtocolVersion.allCases
        )
        func downlinkOverQuota(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(messagesPerDay: 1)
                let devices = try await gateway.importDevices(["dk1", "dk2", "dk3"], into: product)
                let key = try await gateway.createApplication(products: [product])
                for device in devices {
                    let ending = try run("downlink", gateway, version, device: device, key)
                    // As to PUBREC, see above.
                    let codes = version == .v5 ? [0, 0x97, 0x92] : [0, 0, 0]
                    let expected = codes.map { "\($0)\n" }.joined()
                    #expect(ending.output == expected, "\(ending.errors)")
                }
            }
        }
    }
}
