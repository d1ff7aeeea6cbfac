import Gateway
import Ledger
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Dynamic registration: wire.md, "Who connects".
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
            let packets = try client.untilClosed()
            guard case .publish(let message) = packets.first, packets.count == 1 else { return nil }
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
                try await gateway.submit(.resetSecret(identity, secret: sealed))
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
