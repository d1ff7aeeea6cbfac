import Gateway
import Ledger
import Linux
import MQTT
import Support
import Testing

extension WholeGateway {
    /// Wrong secrets, over and over.
    @Suite struct GuessingTests {
        private static let stranger = IPAddress("127.0.0.66")!

        /// Tries a wrong secret so many times; answers how often each code came.
        private func guess(
            _ count: Int,
            _ gateway: TestGateway,
            from source: IPAddress = stranger,
            as credentials: (Int) -> TestCredentials
        ) throws -> [UInt8: Int] {
            var codes: [UInt8: Int] = [:]
            for number in 0..<count {
                let client = try TestClient(port: gateway.plainPort, context: nil, from: source)
                codes[try client.connect(as: credentials(number)).code, default: 0] += 1
            }
            return codes
        }

        private func wrong(_ identity: DeviceIdentity) -> TestCredentials {
            .signed(TestDevice(identity: identity, secret: Secret("wrong-secret")!), secureMode: 3)
        }

        @Test(
            "one device: ten wrong secrets are looked at, then none for a while; the right one is afterwards"
        )
        func device() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let codes = try guess(40, gateway) { _ in wrong(device.identity) }
                #expect((10...13).contains(codes[0x86] ?? 0), "\(codes)")
                #expect((codes[0x9F] ?? 0) >= 27)
                #expect(await gateway.endings(.tooManyFailures) == codes[0x9F])
                let last = await gateway.gateway.outcomes(of: device.identity).lastRefusal
                #expect(last?.reason == .tooManyFailures)
                #expect(last?.address.hasPrefix("127.0.0.66:") == true)
                let early = try TestClient(
                    port: gateway.plainPort, context: nil, from: Self.stranger)
                let answer = try early.connect(as: .signed(device, secureMode: 3))
                #expect(answer.code == 0x9F)
                #expect(answer.reasonString == Reason.tooManyFailures.text)
                var isIn = false
                for _ in 0..<60 where !isIn {
                    try await Task.sleep(for: .milliseconds(100))
                    isIn = (try? gateway.connect(device, from: Self.stranger)) != nil
                }
                #expect(isIn)
            }
        }

        @Test("MQTT 3.1.1 is answered 3, and an unknown device like a known one")
        func unknown() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 1)
                _ = try await gateway.importDevice("dk1", into: product)
                let known = try guess(30, gateway) { _ in wrong(product.identity("dk1")) }
                let unknown = try guess(30, gateway) { _ in wrong(product.identity("dk2")) }
                #expect(known == unknown)
                let client = try TestClient(
                    port: gateway.plainPort, context: nil, version: .v3_1_1, from: Self.stranger)
                #expect(try client.connect(as: wrong(product.identity("dk2"))).code == 3)
            }
        }

        @Test("an application's key: the same")
        func application() async throws {
            try await TestGateway.run { gateway in
                let key = try await gateway.createApplication()
                let impostor = TestApplication(key: key.key, secret: "wrong")
                let codes = try guess(40, gateway) { _ in .application(impostor) }
                #expect((10...13).contains(codes[0x86] ?? 0), "\(codes)")
                #expect((codes[0x9F] ?? 0) >= 27)
            }
        }

        @Test(
            "a product's secret: guesses at one address, whatever device they name; others register",
            arguments: [1, 8])
        func registration(shards: Int) async throws {
            try await TestGateway.run(shards: shards) { gateway in
                let product = try await gateway.createProduct(codes: 1, registration: .open)
                let wrong = Secret("wrong-secret")!
                var codes: [UInt8: Int] = [:]
                for number in 0..<40 {
                    let client = try TestClient(
                        port: gateway.tlsPort, context: gateway.certificates.clientContext,
                        from: Self.stranger)
                    let answer = try client.connect(
                        as: .registering(
                            product.identity("d\(number % 4)"), productSecret: wrong))
                    codes[answer.code, default: 0] += 1
                }
                #expect((10...14).contains(codes[0x86] ?? 0), "\(codes)")
                let client = try TestClient(
                    port: gateway.tlsPort, certificates: gateway.certificates)
                let answer = try client.connect(
                    as: .registering(product.identity("d1"), productSecret: product.secret))
                #expect(answer.code == 0)
            }
        }

        @Test(
            "what others guess keeps no device out: where it is, where it was, where it never was, before its first connection"
        )
        func elsewhere() async throws {
            try await TestGateway.run { gateway in
                let product = try await gateway.createProduct(codes: 2)
                let devices = try await gateway.importDevices(["dk1", "dk2"], into: product)
                let device = devices[0]
                var client = try gateway.connect(device)
                // While it is connected, from several addresses at once.
                for host in 1...4 {
                    let source = IPAddress("127.0.4.\(host)")!
                    _ = try guess(20, gateway, from: source) { _ in wrong(device.identity) }
                }
                for _ in 0..<5 { client = try gateway.connect(device) }
                try client.leave()
                _ = try guess(20, gateway) { _ in wrong(device.identity) }
                _ = try gateway.connect(device)
                _ = try gateway.connect(device, from: IPAddress("127.0.5.1")!)
                // An address that has guessed once has to wait, and so does each of many.
                for host in 1...40 {
                    let source = IPAddress("127.0.7.\(host)")!
                    _ = try guess(1, gateway, from: source) { _ in wrong(device.identity) }
                }
                let codes = try guess(10, gateway, from: IPAddress("127.0.7.1")!) { _ in
                    wrong(device.identity)
                }
                #expect(codes == [0x9F: 10])
                _ = try guess(20, gateway) { _ in wrong(devices[1].identity) }
                _ = try gateway.connect(devices[1])
            }
        }

        @Test("what others guess keeps no application out")
        func applicationElsewhere() async throws {
            try await TestGateway.run { gateway in
                let key = try await gateway.createApplication()
                let impostor = TestApplication(key: key.key, secret: "wrong")
                for host in 1...3 {
                    let source = IPAddress("127.0.4.\(host)")!
                    _ = try guess(20, gateway, from: source) { _ in .application(impostor) }
                }
                try gateway.connect(key).leave()
                let guessing = try TestClient(
                    port: gateway.plainPort, context: nil, from: IPAddress("127.0.4.1")!)
                #expect(try guessing.connect(as: .application(key)).code == 0x9F)
            }
        }

        @Test(
            "one address: many devices are tried in turn, and the address is held back; others are not",
            arguments: [1, 8])
        func address(shards: Int) async throws {
            try await TestGateway.run(
                shards: shards, configure: { $0.limits.wrongSecretsPerMinutePerAddress = 30 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let codes = try guess(60, gateway) { wrong(product.identity("d\($0)")) }
                #expect((30...33).contains(codes[0x86] ?? 0), "\(codes)")
                _ = try gateway.connect(device)
                let held = try TestClient(
                    port: gateway.plainPort, context: nil, from: Self.stranger)
                #expect(try held.connect(as: .signed(device, secureMode: 3)).code == 0x9F)
            }
        }

        @Test(
            "an exempt network is not held back for what comes from its addresses; its devices are")
        func exempt() async throws {
            try await TestGateway.run(
                shards: 1,
                configure: { configuration in
                    configuration.limits.wrongSecretsPerMinutePerAddress = 5
                    configuration.limits.exemptNetworks = ["127.0.0.66"]
                }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let codes = try guess(60, gateway) { wrong(product.identity("d\($0)")) }
                #expect(codes == [0x86: 60])
                let one = try guess(60, gateway) { _ in wrong(product.identity("d")) }
                #expect((one[0x9F] ?? 0) >= 45)
            }
        }
    }
}
