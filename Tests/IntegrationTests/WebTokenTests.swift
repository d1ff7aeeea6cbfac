import Cryptography
import Gateway
import Ledger
import Linux
import MQTT
import Support
import Testing
import Time

extension WholeGateway {
    /// JSON Web Tokens as devices' passwords, with sockets, and keys that come and go.
    @Suite struct WebTokenTests {
        private let secret = "0123456789abcdef0123456789abcdef"

        private func add(
            _ id: String, to product: TestProduct, at gateway: TestGateway
        ) async throws {
            let key = try GivenTokenKey.hs256(Array(secret.utf8)).sealed(
                as: TokenKeyID(id)!, of: product.key, audience: nil,
                with: gateway.gateway.secretKeys)
            try await gateway.submit(.products(.addTokenKey(product.key, try #require(key))))
        }

        private func remove(
            _ id: String, from product: TestProduct, at gateway: TestGateway
        ) async throws {
            try await gateway.submit(
                .products(.removeTokenKey(product.key, TokenKeyID(id)!)))
        }

        /// A device with a token of that key, good for so long.
        private func credentials(
            _ device: DeviceIdentity, _ id: String, seconds: Int64 = 600,
            as user: DeviceIdentity? = nil
        ) -> TestCredentials {
            let now = Timestamp.now().milliseconds / 1_000
            let header = "{\"alg\":\"HS256\",\"kid\":\"\(id)\"}"
            let claims =
                "{\"sub\":\"\(device)\",\"aud\":\"\(device.product)\",\"exp\":\(now + seconds)}"
            let signed =
                Base64URL.encoded(Array(header.utf8)) + "." + Base64URL.encoded(Array(claims.utf8))
            let key = Array(secret.utf8)
            var code = HMACSHA256(key: key.span)
            code.update(signed.utf8Span.span)
            let digest = code.finalize()
            let signature = (0..<SHA256Digest.length).map { digest.span[$0] }
            return TestCredentials(
                clientID: "any", userName: "\(user ?? device)",
                password: signed + "." + Base64URL.encoded(signature))
        }

        private func accept(_ proofs: [ProofKind], of product: TestProduct, at gateway: TestGateway)
            async throws
        {
            let dialect = Dialect(topics: nil, proofs: ProofKinds(proofs))
            try await gateway.submit(.products(.setDialect(product.key, dialect)))
        }

        private func code(
            _ credentials: TestCredentials, _ gateway: TestGateway, overTLS: Bool = true
        ) throws -> UInt8 {
            try gateway.answer(to: credentials, overTLS: overTLS, version: .v5).code
        }

        @Test(
            "a token lets its device in over TLS, consumes its code, and why it is refused is kept")
        func one() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let (one, two) = (devices[0].identity, devices[1].identity)
                try await add("k1", to: product, at: gateway)
                #expect(try code(credentials(one, "k1"), gateway) == 0x86)
                try await accept([.jwt, .plain], of: product, at: gateway)
                #expect(try code(credentials(one, "k1"), gateway) == 0)
                #expect(try code(credentials(one, "k1"), gateway, overTLS: false) == 0x87)
                #expect(try code(credentials(one, "k2"), gateway) == 0x86)
                func lastReason(_ device: DeviceIdentity) async -> Reason? {
                    await gateway.gateway.outcomes(of: device).lastRefusal?.reason
                }
                #expect(await lastReason(one) == .badCredentials)
                #expect(try code(credentials(one, "k1", as: two), gateway) == 0x86)
                #expect(await lastReason(two) == .badCredentials)
                #expect(try code(credentials(two, "k1", seconds: -120), gateway) == 0x86)
                #expect(await lastReason(two) == .tokenUntimely)
                // The secret in the same form is another proof.
                let plain = TestCredentials(
                    clientID: "x", userName: "lamp.dk1", password: devices[0].secret.text)
                #expect(try code(plain, gateway) == 0)
                let unknown = product.identity("dk9")
                #expect(try code(credentials(unknown, "k1"), gateway) == 0x86)
            }
        }

        @Test("a connection outlives its token and its key; the next one needs both")
        func connected() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct()
                let device = try await gateway.importDevice("dk1", into: product)
                try await add("k1", to: product, at: gateway)
                try await accept([.jwt], of: product, at: gateway)
                // Good for two seconds and the tolerance.
                let late = credentials(device.identity, "k1", seconds: -58)
                let client = try TestClient(
                    port: gateway.tlsPort, certificates: gateway.certificates)
                #expect(try client.connect(as: late).code == 0)
                try await remove("k1", from: product, at: gateway)
                try await Task.sleep(for: .seconds(3))
                try client.ping()
                #expect(try client.publish("d/lamp/dk1/up/x", "x", qos: .atLeastOnce) != nil)
                #expect(try code(credentials(device.identity, "k1"), gateway) == 0x86)
                try await add("k1", to: product, at: gateway)
                #expect(try code(late, gateway) == 0x86)
                #expect(try code(credentials(device.identity, "k1"), gateway) == 0)
            }
        }

        @Test(
            "while keys come and go, a token of one that stays always lets in, of one that has gone never",
            .timeLimit(.minutes(5)))
        func rotation() async throws {
            try await TestGateway.run(shards: 2) { gateway in
                let product = try await gateway.createProduct(codes: 100)
                let names = (1...70).map { "dk\($0)" }
                let devices = try await gateway.importDevices(names, into: product)
                try await accept([.jwt], of: product, at: gateway)
                try await add("stays", to: product, at: gateway)
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for part in 0..<4 {
                        group.addTask {
                            for index in 0..<250 {
                                let device = devices[part * 10 + index % 10].identity
                                let answer = try code(credentials(device, "stays"), gateway)
                                #expect(answer == 0)
                            }
                        }
                    }
                    group.addTask {
                        for round in 0..<25 {
                            let id = "k\(round % 3)"
                            let device = product.identity("dk\(41 + round)")
                            try await add(id, to: product, at: gateway)
                            #expect(try code(credentials(device, id), gateway) == 0)
                            try await remove(id, from: product, at: gateway)
                            #expect(try code(credentials(device, id), gateway) == 0x86)
                        }
                    }
                    try await group.waitForAll()
                }
            }
        }
    }
}
