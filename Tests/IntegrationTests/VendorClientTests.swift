import Gateway
import Ledger
import MQTT
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// The libraries of other platforms, from PyPI and unmodified. `make test` installs them into `.build-venv/vendors`
    /// in the package's root.
    @Suite struct VendorClientTests {
        /// The package's root, from where this file is.
        private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast(3).joined(separator: "/")

        private func arguments(
            _ scenario: String, _ gateway: TestGateway, _ device: DeviceIdentity, _ secret: String,
            _ more: [String] = []
        ) -> [String] {
            [
                "\(Self.root)/Tests/IntegrationTests/vendor_scenarios.py", scenario, "127.0.0.1",
                "\(gateway.tlsPort)", gateway.certificates.authorityFile, "\(device.product)",
                "\(device.device)", secret,
            ] + more
        }

        /// The interpreter that has the libraries.
        private static let python = "\(root)/.build-venv/vendors/bin/python"

        /// Runs a scenario to its end.
        private func run(_ arguments: [String]) async throws -> ChildProcess.Ending {
            try await Task.detached {
                try ChildProcess.run(Self.python, arguments, seconds: 60)
            }.value
        }

        /// A product with a dialect, and a device whose secret is Base64, as Azure has it.
        private func furnish(
            _ gateway: TestGateway, _ topics: TopicPreset, _ proofs: [ProofKind]
        ) async throws -> (TestProduct, TestDevice) {
            let product = try await gateway.createProduct(messagesPerDay: 2)
            let secret = try #require(Secret("MDEyMzQ1Njc4OWFiY2RlZg=="))
            let device = TestDevice(identity: product.identity("dev-1"), secret: secret)
            try await gateway.submit(
                .imports(.atOnce(product.key, [try device.row(with: gateway.gateway.secretKeys)])))
            let dialect = Dialect(topics: .preset(topics), proofs: ProofKinds(proofs))
            try await gateway.submit(.products(.setDialect(product.key, dialect)))
            return (product, device)
        }

        /// Hears what a device publishes and answers it; the third unit of the day is too much. The device stays until
        /// that has been said: what is sent to one that has gone waits for it, and isn't refused.
        private func converse(
            _ arguments: [String], _ gateway: TestGateway, _ product: TestProduct,
            up: String, down: String
        ) async throws -> ChildProcess.Ending {
            let key = try await gateway.createApplication(products: [product])
            let backend = try gateway.connect(key, subscribedTo: "d/lamp/dev-1/up/#")
            let device = try ChildProcess(Self.python, arguments, takesInput: true)
            let message = try backend.message(seconds: 60)
            #expect(message.topic == "d/lamp/dev-1/up/\(up)" && message.text == "hello")
            let answer = try backend.publish(
                "d/lamp/dev-1/down/\(down)", "do", qos: .atLeastOnce)
            #expect(answer?.code == 0)
            let over = try backend.publish("d/lamp/dev-1/down/\(down)", "more", qos: .atLeastOnce)
            #expect(over?.code == 0x97)
            device.finishInput()
            return try device.wait(seconds: 60)
        }

        @Test("aliyun-iot-linkkit connects, subscribes, publishes, is answered and metered")
        func alibaba() async throws {
            try await TestGateway.run { gateway in
                let (product, device) = try await furnish(gateway, .alibaba, [.alibabaSHA1])
                let ending = try await converse(
                    arguments("alibaba", gateway, device.identity, device.secret.text), gateway,
                    product, up: "/lamp/dev-1/user/update", down: "/lamp/dev-1/user/get")
                #expect(
                    ending.output == """
                        connect 0
                        subscribe (1,)
                        published
                        message /lamp/dev-1/user/get do

                        """, "\(ending.errors)")
            }
        }

        @Test(
            "aliyun-iot-linkkit stays out with a wrong secret, and where its hash is not accepted")
        func alibabaRefused() async throws {
            try await TestGateway.run { gateway in
                let (_, device) = try await furnish(
                    gateway, .alibaba, [.tollgate, .alibabaSHA256, .alibabaMD5])
                let weak = try await run(
                    arguments("alibaba-refused", gateway, device.identity, device.secret.text))
                #expect(weak.output == "not connected\n", "\(weak.errors)")
                let dialect = Dialect(topics: nil, proofs: ProofKinds([ProofKind.alibabaSHA1]))
                try await gateway.submit(.products(.setDialect(device.identity.product, dialect)))
                let ending = try await run(
                    arguments("alibaba-refused", gateway, device.identity, "another"))
                #expect(ending.output == "not connected\n", "\(ending.errors)")
            }
        }

        @Test("aliyun-iot-linkkit registers over MQTT, and gets its secret")
        func alibabaRegistration() async throws {
            try await TestGateway.run { gateway in
                let (product, _) = try await furnish(gateway, .alibaba, [.alibabaSHA256])
                let identity = try await gateway.importUnregistered("dev-2", into: product)
                let ending = try await run(
                    arguments("alibaba-register", gateway, identity, product.secret.text))
                let words = ending.output.split(whereSeparator: \.isWhitespace)
                let secret = try #require(
                    words.count == 2 ? Secret(String(words[1])) : nil,
                    "\(ending.output) \(ending.errors)")
                #expect(words[0] == "0")
                let device = TestDevice(identity: identity, secret: secret)
                let login = TestCredentials.signed(device, secureMode: 2)
                #expect(try gateway.answer(to: login, overTLS: true, version: .v5).code == 0)
            }
        }

        @Test("azure-iot-device connects with a SAS token, sends, is sent to and metered")
        func azure() async throws {
            try await TestGateway.run { gateway in
                let (product, device) = try await furnish(gateway, .azure, [.azureSAS])
                let ending = try await converse(
                    arguments("azure", gateway, device.identity, device.secret.text), gateway,
                    product, up: "devices/dev-1/messages/events/",
                    down: "devices/dev-1/messages/devicebound/x")
                #expect(
                    ending.output == "connect True\npublished\nmessage do\n", "\(ending.errors)")
            }
        }

        @Test("azure-iot-device is told that its credentials are wrong")
        func azureRefused() async throws {
            try await TestGateway.run { gateway in
                let (product, device) = try await furnish(gateway, .azure, [.azureSAS])
                let wrong = try await run(
                    arguments(
                        "azure-refused", gateway, device.identity, "YW5vdGhlciBzZWNyZXQhIQ=="))
                #expect(wrong.output == "CredentialError\n", "\(wrong.errors)")
                try await gateway.submit(.products(.setDialect(product.key, nil)))
                let off = try await run(
                    arguments("azure-refused", gateway, device.identity, device.secret.text))
                #expect(off.output == "CredentialError\n", "\(off.errors)")
            }
        }

        @Test("AWSIoTPythonSDK connects with a certificate, on topics as it likes")
        func aws() async throws {
            let certificates = TestCertificates.shared
            let directory = TemporaryDirectory()
            try await TestGateway.run(configure: { $0.tls.clientCA = certificates.authorityFile }) {
                gateway in
                let (product, device) = try await furnish(gateway, .aws, [.tollgate])
                try certificates.certifyClient(commonName: "\(device.identity)", in: directory)
                let ending = try await converse(
                    arguments(
                        "aws", gateway, device.identity, "-",
                        [directory.file("cert.pem"), directory.file("key.pem")]),
                    gateway, product, up: "dt/dev-1/data", down: "cmd/dev-1/req")
                #expect(
                    ending.output == """
                        connect True
                        subscribe True
                        published True
                        message cmd/dev-1/req do

                        """, "\(ending.errors)")
            }
        }

        /// The keys of RFC 7515, A.3 and A.1, and RFC 8037, A.1, as a device's issuer has them.
        private static let issuers = [
            (
                "ES256",
                "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
                "\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\""
            ),
            (
                "EdDSA",
                "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}",
                "\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\""
            ),
            (
                "HS256",
                "{\"kty\":\"oct\",\"k\":\"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow\"}",
                "\"use\":\"sig\""
            ),
        ]

        @Test(
            "paho with a token of PyJWT's connects, is metered, and stays out when it has expired",
            arguments: issuers)
        func token(_ algorithm: String, _ key: String, _ rest: String) async throws {
            try await TestGateway.run { gateway in
                let (product, device) = try await furnish(gateway, .aws, [.jwt])
                let issuer = key.dropLast() + "," + rest + "}"
                let given = try GivenTokenKey(key).sealed(
                    as: TokenKeyID("2027-01")!, of: product.key, audience: nil,
                    with: gateway.gateway.secretKeys)
                try await gateway.submit(.products(.addTokenKey(product.key, try #require(given))))
                func arguments(_ seconds: Int, kid: String = "2027-01") -> [String] {
                    self.arguments(
                        "jwt", gateway, device.identity, String(issuer),
                        [algorithm, kid, "\(seconds)"])
                }
                let ending = try await converse(
                    arguments(3_600), gateway, product, up: "dt/dev-1/data", down: "cmd/dev-1/req")
                #expect(
                    ending.output == """
                        connect 0
                        subscribe (1,)
                        published
                        message cmd/dev-1/req do

                        """, "\(ending.errors)")
                let expired = try await run(arguments(-120))
                #expect(expired.output == "connect 4\n", "\(expired.errors)")
                let other = try await run(arguments(3_600, kid: "2026-01"))
                #expect(other.output == "connect 4\n", "\(other.errors)")
            }
        }
    }
}
