import Gateway
import Ledger
import Linux
import MQTT
import Support
import TestFiles
import Testing

extension WholeGateway {
    /// Dynamic registration: Wire.md, "Who connects".
    @Suite struct RegistrationTests {
        /// Registers, and answers the secret in what came on `/ext/register`.
        private func register(
            _ identity: DeviceIdentity,
            of product: TestProduct,
            at gateway: TestGateway,
            version: ProtocolVersion
        ) throws -> Secret? {
            let client = try TestClient(
                port: gateway.tlsPort, certificates: gateway.certificates, version: version)
            let answer = try client.connect(
                as: .registering(identity, productSecret: product.secret))
            guard answer.code == 0 else { throw TestRefusal(connack: answer) }
            guard case .publish(let message) = try client.next() else { return nil }
            try client.send([0xE0, 0x00])
            #expect(try client.untilClosed(seconds: 1).isEmpty)
            #expect(message.topic == "/ext/register")
            #expect(message.qos == .atMostOnce)
            let start =
                "{\"productKey\":\"\(identity.product)\",\"deviceName\":\"\(identity.device)\","
                + "\"deviceSecret\":\""
            guard message.text.hasPrefix(start), message.text.hasSuffix("\"}") else { return nil }
            return Secret(String(message.text.dropFirst(start.count).dropLast(2)))
        }

        @Test(
            "registering issues the same secret until the first login, then none until it is reset",
            arguments: ProtocolVersion.allCases
        )
        func untilFirstLogin(version: ProtocolVersion) async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let identity = try await gateway.importUnregistered("dk1", into: product)
                let first = try register(identity, of: product, at: gateway, version: version)
                let again = try register(identity, of: product, at: gateway, version: version)
                let secret = try #require(first)
                #expect(again == first)
                #expect(try gateway.figures(of: product)?.consumed == 0)

                let device = TestDevice(identity: identity, secret: secret)
                let login = TestCredentials.signed(device, secureMode: 2)
                #expect(try gateway.answer(to: login, overTLS: true, version: version).code == 0)
                let late = try gateway.answer(
                    to: .registering(identity, productSecret: product.secret),
                    overTLS: true,
                    version: version
                )
                #expect(late.code == Expectation.badCredentials.code(in: version))

                let fresh = try #require(Secret("fresh"))
                let sealed = try gateway.gateway.secretKeys.seal(fresh, for: identity)
                try await gateway.submit(.devices(.resetSecret(identity, secret: sealed)))
                #expect(
                    try register(identity, of: product, at: gateway, version: version) == fresh)
            }
        }

        @Test("a product registers devices as its policy says: open, imported, closed")
        func policy() async throws {
            try await TestGateway.run { gateway in
                let open = try await gateway.createProduct("open", registration: .open)
                let imported = try await gateway.createProduct("imported", registration: .imported)
                let closed = try await gateway.createProduct("closed", registration: .closed)
                let known = try await gateway.importUnregistered("known", into: imported)
                let shut = try await gateway.importUnregistered("known", into: closed)
                for (identity, product, isTaken) in [
                    (open.identity("new"), open, true), (known, imported, true),
                    (imported.identity("new"), imported, false), (shut, closed, false),
                    (closed.identity("new"), closed, false),
                ] {
                    let answer = try? register(identity, of: product, at: gateway, version: .v5)
                    #expect((answer != nil) == isTaken, "\(identity)")
                }
            }
        }

        @Test(
            "a copy of the data directory holds neither the secret that was issued nor the product's"
        )
        func sealed() async throws {
            let directory = TemporaryDirectory()
            var forbidden: [String] = []
            try await TestGateway.run(directory: directory) { gateway in
                let product = try await gateway.createProduct(registration: .open)
                let identity = product.identity("dk1")
                let secret = try #require(
                    try register(identity, of: product, at: gateway, version: .v5))
                let device = TestDevice(identity: identity, secret: secret)
                #expect(
                    try gateway.answer(to: .secret(device), overTLS: true, version: .v5).code == 0)
                forbidden = [secret.text, product.secret.text]
                #expect(try await gateway.gateway.verify().isEmpty)
                // What does not open is found, and keeps the device out.
                let garbage = try #require(SealedSecret([1] + [UInt8](repeating: 7, count: 60)))
                try await gateway.submit(.devices(.resetSecret(identity, secret: garbage)))
                #expect(
                    try await gateway.gateway.verify() == [
                        "the secret of \(identity) can't be opened"
                    ])
                let answer = try gateway.answer(to: .secret(device), overTLS: true, version: .v5)
                #expect(answer.code == 0x88)
            }
            for store in ["ledger", "usage"] {
                let bytes = try FileSystem.read(
                    directory.file("data/\(store)/data.mdb"), maximumBytes: 1 << 26)
                for secret in forbidden {
                    #expect(bytes.firstRange(of: secret.utf8) == nil, "\(store) holds a secret")
                }
            }
        }

        @Test("a device that has its secret and stays is closed after 2 seconds, and not served")
        func staying() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(registration: .open)
                for version in ProtocolVersion.allCases {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates, version: version)
                    _ = try client.connect(
                        as: .registering(
                            product.identity("\(version)"), productSecret: product.secret))
                    guard case .publish = try client.next() else {
                        Issue.record("no secret")
                        return
                    }
                    // A PINGREQ, and a CONNECT that is cut off.
                    try client.send([0xC0, 0x00, 0x10, 0x20, 0x00])
                    let clock = ContinuousClock()
                    let began = clock.now
                    #expect(try client.untilClosed(seconds: 5).isEmpty)
                    #expect((.seconds(1) ... .seconds(4)).contains(clock.now - began))
                }
            }
        }

        @Test("registering with a wrong product secret: 0x86, and 4 in 3.1.1")
        func wrongProductSecret() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(registration: .open)
                let wrong = try #require(Secret("wrong"))
                for version in ProtocolVersion.allCases {
                    let answer = try gateway.answer(
                        to: .registering(product.identity("new"), productSecret: wrong),
                        overTLS: true,
                        version: version
                    )
                    #expect(answer.code == Expectation.badCredentials.code(in: version))
                }
                #expect(try gateway.figures(of: product)?.devicesKnown == 0)
            }
        }
    }
}
