import Bytes
import Cryptography
import Gateway
import Glibc
import Ledger
import Linux
import MQTT
import Support
import TLS
import TestFiles
import Testing

/// A handshake of TLS 1.2 that goes as far as the client's first record behind the server's.
private final class TestHandshake {
    private let descriptor: Descriptor
    private var session: TLSSession
    private var port = TLSPort()

    init(_ port: UInt16, _ context: TLSContext) throws {
        descriptor = try SocketHandle.connect(to: SocketAddress(.loopbackIPv4, port: port))
        session = try TLSSession(connecting: context)
    }

    /// Sends ClientKeyExchange, which names the key, and that in place of what should follow.
    func sendClientKey(followedBy rest: [UInt8]) throws {
        var plain = ByteBuffer()
        var output = ByteBuffer()
        _ = try session.receive(Span(), through: &port, into: &plain, output: &output)
        try write(output.span.bytesArray)
        output.removeAll()
        while output.isEmpty {
            let arrived = read()
            _ = try session.receive(
                arrived.span, through: &port, into: &plain, output: &output)
        }
        let bytes = output.span.bytesArray
        let length = Int(bytes[3]) << 8 | Int(bytes[4])
        try write(bytes[..<(5 + length)] + rest)
    }

    /// What has come; the socket does not wait.
    private func read() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe recv(descriptor.rawValue, &bytes, bytes.count, 0)
        if count <= 0 { usleep(1_000) }
        return Array(bytes[..<max(count, 0)])
    }

    private func write(_ bytes: some Sequence<UInt8>) throws {
        let bytes = Array(bytes)
        for _ in 0..<5_000 {
            let flags = Int32(MSG_NOSIGNAL)
            if unsafe send(descriptor.rawValue, bytes, bytes.count, flags) == bytes.count { return }
            usleep(1_000)
        }
        Issue.record("the gateway does not read")
    }
}

extension WholeGateway {
    /// Devices that connect with their secret as a pre-shared key (TLS-PSK).
    @Suite("Pre-shared keys") struct PreSharedKeyTests {
        /// 32 bytes in hexadecimal, as the gateway makes them.
        static let digits = "00112233445566778899aabbccddeeff0123456789ABCDEFfedcba9876543210"

        static func run(
            shards: Int = 2, psk: Bool = true, _ body: (TestGateway) async throws -> Void
        ) async throws {
            try await TestGateway.run(
                shards: shards,
                configure: { configuration in
                    configuration.tls.preset = .legacy
                    configuration.tls.psk = psk
                }
            ) { gateway async throws in try await body(gateway) }
        }

        /// A product that accepts these proofs, and devices with a secret.
        static func furnish(
            _ gateway: TestGateway, _ names: [String] = ["dk1"], secret: String = digits,
            accepting proofs: [ProofKind] = [.psk], messagesPerDay: UInt64? = nil
        ) async throws -> (TestProduct, [TestDevice]) {
            let product = try await gateway.createProduct(
                codes: UInt64(names.count) + 1, messagesPerDay: messagesPerDay)
            let secret = try #require(Secret(secret))
            let devices = names.map { TestDevice(identity: product.identity($0), secret: secret) }
            let keys = gateway.gateway.secretKeys
            try await gateway.submit(
                .imports(.atOnce(product.key, try devices.map { try $0.row(with: keys) })))
            let dialect = Dialect(topics: nil, proofs: ProofKinds(proofs))
            try await gateway.submit(.products(.setDialect(product.key, dialect)))
            return (product, devices)
        }

        static func bytes(_ digits: String) -> [UInt8] {
            let values = digits.compactMap { UInt8($0.hexDigitValue ?? 0) }
            return stride(from: 0, to: values.count, by: 2).map { values[$0] << 4 | values[$0 + 1] }
        }

        static func context(
            _ identity: String, _ key: [UInt8], _ version: TLSVersion = .v1_3
        ) throws -> TLSContext {
            var connecting = TLSClientConfiguration(
                minimumVersion: version, maximumVersion: version)
            connecting.preSharedKey = PreSharedKeyCredentials(identity: identity, key: key)
            return try TLSContext(connecting: connecting)
        }

        private func context(_ device: TestDevice, _ version: TLSVersion = .v1_3) throws
            -> TLSContext
        {
            try Self.context("\(device.identity)", Self.bytes(device.secret.text), version)
        }

        private func connect(
            _ context: TLSContext, _ gateway: TestGateway, resuming ticket: TLSResumption? = nil,
            version: ProtocolVersion = .v5
        ) throws -> (client: TestClient, answer: TestPacket.Connack) {
            let client = try TestClient(
                port: gateway.tlsPort, context: context, resuming: ticket, version: version)
            return (client, try client.connect(as: .anonymous("any")))
        }

        /// Whether the handshake itself fails.
        private func isRefused(_ context: TLSContext, _ gateway: TestGateway) -> Bool {
            (try? connect(context, gateway)) == nil
        }

        private func last(_ device: DeviceIdentity, _ gateway: TestGateway) async -> Reason? {
            await gateway.gateway.outcomes(of: device).lastRefusal?.reason
        }

        @Test(
            "a device is let in by its handshake, needs no CONNECT of a form, and is metered",
            arguments: TLSVersion.allCases)
        func one(version: TLSVersion) async throws {
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(gateway, messagesPerDay: 1)
                let device = devices[0]
                let (client, answer) = try connect(try context(device, version), gateway)
                #expect(answer.code == 0 && client.tlsVersion == version)
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0)
                #expect(try client.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
                #expect(await gateway.metric("tollgate_tls_handshakes_handed_over_total") == 1)
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 0)
                // With a slash; and whatever the user name says.
                let slash = try Self.context(
                    "lamp/dk1", Self.bytes(device.secret.text), version)
                let other = try TestClient(port: gateway.tlsPort, context: slash)
                let claimed = TestCredentials(
                    clientID: "x", userName: "dk9&lamp", password: "nothing")
                #expect(try other.connect(as: claimed).code == 0)
                #expect(try other.publish(device.up(), "x", qos: .atLeastOnce)?.code == 0x97)
            }
        }

        @Test("a secret that is no hexadecimal is the key as it is")
        func text() async throws {
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(gateway, secret: "a-secret-not-hex")
                let right = try Self.context("lamp.dk1", Array("a-secret-not-hex".utf8))
                #expect(try connect(right, gateway).answer.code == 0)
                #expect(devices.count == 1)
            }
        }

        @Test(
            "a wrong key, an unknown device and one without a secret fail in the handshake, and why is kept",
            arguments: TLSVersion.allCases)
        func wrong(version: TLSVersion) async throws {
            try await Self.run { gateway in
                let (product, devices) = try await Self.furnish(gateway)
                let blank = try await gateway.importUnregistered("dk2", into: product)
                let unknown = product.identity("dk9")
                for identity in [devices[0].identity, blank, unknown] {
                    let wrong = try Self.context("\(identity)", [1, 2, 3, 4], version)
                    #expect(isRefused(wrong, gateway), "\(identity)")
                    try await until { await last(identity, gateway) == .badCredentials }
                }
                #expect(await gateway.endings(.badCredentials) == 3)
                #expect(try connect(try context(devices[0], version), gateway).answer.code == 0)
            }
        }

        @Test("a product that does not accept it, and a disabled device, are told so")
        func notAccepted() async throws {
            try await Self.run { gateway in
                let (product, devices) = try await Self.furnish(gateway, accepting: [.tollgate])
                let device = devices[0]
                let (_, answer) = try connect(try context(device), gateway)
                #expect(answer.code == 0x87)
                #expect(answer.reasonString == "the device's product does not accept TLS-PSK")
                #expect(await last(device.identity, gateway) == .preSharedKeyNotAccepted)
                let old = try connect(try context(device), gateway, version: .v3_1_1).answer
                #expect(old.code == 5)
                let both = Dialect(topics: nil, proofs: ProofKinds([ProofKind.tollgate, .psk]))
                try await gateway.submit(.products(.setDialect(product.key, both)))
                #expect(try connect(try context(device), gateway).answer.code == 0)
                try await gateway.submit(.devices(.setDisabled(device.identity, true)))
                #expect(try connect(try context(device), gateway).answer.code == 0x87)
                #expect(await last(device.identity, gateway) == .deviceDisabled)
            }
        }

        @Test("without tls.psk no key is taken; other clients come in with and without it")
        func off() async throws {
            try await Self.run(psk: false) { gateway in
                let (_, devices) = try await Self.furnish(
                    gateway, accepting: [.psk, .tollgate])
                #expect(isRefused(try context(devices[0], .v1_2), gateway))
                // TLS 1.3 goes on with the certificate: then nothing is proved.
                #expect(try connect(try context(devices[0]), gateway).answer.code == 0x86)
            }
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(
                    gateway, accepting: [.psk, .tollgate])
                let signed = TestCredentials.signed(devices[0], secureMode: 2)
                #expect(try gateway.answer(to: signed, overTLS: true, version: .v5).code == 0)
            }
        }

        private func reset(
            _ device: TestDevice, to secret: String, _ gateway: TestGateway
        ) async throws -> TestDevice {
            let fresh = TestDevice(identity: device.identity, secret: try #require(Secret(secret)))
            let sealed = try gateway.gateway.secretKeys.seal(fresh.secret, for: device.identity)
            try await gateway.submit(.devices(.resetSecret(device.identity, secret: sealed)))
            return fresh
        }

        @Test(
            "a reset secret ends the connection as for all, and no resumed session outlives it",
            arguments: TLSVersion.allCases)
        func resetSecret(version: TLSVersion) async throws {
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(gateway)
                let old = devices[0]
                let (client, answer) = try connect(try context(old, version), gateway)
                #expect(answer.code == 0)
                try client.ping()
                let ticket = try #require(client.resumption)
                let again = try connect(try context(old, version), gateway, resuming: ticket)
                #expect(again.answer.code == 0)
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 1)
                let new = try await reset(old, to: String(Self.digits.reversed()), gateway)
                let refused = try connect(try context(old, version), gateway, resuming: ticket)
                #expect(refused.answer.code == 0x86)
                #expect(await gateway.metric("tollgate_tls_handshakes_resumed_total") == 2)
                #expect(await last(old.identity, gateway) == .badCredentials)
                #expect(isRefused(try context(old, version), gateway))
                #expect(try connect(try context(new, version), gateway).answer.code == 0)
            }
        }

        @Test("between its handshake and its CONNECT a device's secret is reset: it stays out")
        func resetBetween() async throws {
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(gateway)
                let client = try TestClient(
                    port: gateway.tlsPort, context: try context(devices[0]))
                _ = try await reset(devices[0], to: String(Self.digits.reversed()), gateway)
                #expect(try client.connect(as: .anonymous("any")).code == 0x86)
            }
        }

        @Test(
            "200 connects race resets: who is let in has a secret that was the device's then",
            .timeLimit(.minutes(5)))
        func race() async throws {
            try await Self.run { gateway in
                let names = (0..<20).map { "dk\($0)" }
                let (_, devices) = try await Self.furnish(gateway, names)
                let other = String(Self.digits.reversed())
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for part in 0..<4 {
                        group.addTask {
                            for index in 0..<50 {
                                let device = devices[part * 5 + index % 5]
                                // Refused in the handshake, or at CONNECT, or let in: never anything else.
                                let answer = try? connect(
                                    try context(device, index % 2 == 0 ? .v1_3 : .v1_2), gateway
                                ).answer
                                #expect([nil, 0, 0x86, 0x9F].contains(answer?.code))
                            }
                        }
                    }
                    group.addTask {
                        for device in devices { _ = try await reset(device, to: other, gateway) }
                    }
                    try await group.waitForAll()
                }
                for device in devices {
                    #expect(isRefused(try context(device), gateway))
                }
                // Those that were guessed for are held back for a second or two from here.
                let new = TestDevice(
                    identity: devices[0].identity, secret: try #require(Secret(other)))
                try await until {
                    (try? connect(try context(new), gateway).answer.code) == 0
                }
            }
        }

        @Test("who names a device and breaks off, or sends something else, has not guessed its key")
        func brokenOff() async throws {
            try await Self.run { gateway in
                let (_, devices) = try await Self.furnish(gateway)
                let right = try context(devices[0], .v1_2)
                for isClosed in [true, false] {
                    for _ in 0..<12 {
                        let client = try TestHandshake(gateway.tlsPort, right)
                        try client.sendClientKey(followedBy: isClosed ? [] : [23, 3, 3, 0, 1, 0])
                    }
                }
                try await until {
                    await gateway.endings(.handshakeFailed)
                        + gateway.endings(.connectionLost) == 24
                }
                #expect(await gateway.endings(.badCredentials) == 0)
                #expect(await last(devices[0].identity, gateway) == nil)
                #expect(try connect(right, gateway).answer.code == 0)
            }
        }

        @Test(
            "wrong keys count as wrong secrets, on all shards together: then none is looked at, the right one neither",
            arguments: [1, 8])
        func guessing(shards: Int) async throws {
            try await Self.run(shards: shards) { gateway in
                let (_, devices) = try await Self.furnish(gateway)
                let wrong = try Self.context("lamp.dk1", [1, 2, 3])
                for _ in 0..<15 { #expect(isRefused(wrong, gateway)) }
                // One or two more where a second and more have passed.
                #expect((10...12).contains(await gateway.endings(.badCredentials)))
                #expect(await gateway.endings(.tooManyFailures) >= 1)
                #expect(isRefused(try context(devices[0]), gateway))
                #expect(await last(devices[0].identity, gateway) == .tooManyFailures)
                try await until {
                    (try? connect(try context(devices[0]), gateway).answer.code) == 0
                }
            }
        }

        @Test(
            "wrong secrets have one count, however they come: as a key of a handshake or in a CONNECT",
            arguments: [1, 8], [false, true])
        func bothWays(shards: Int, keysFirst: Bool) async throws {
            try await Self.run(shards: shards) { gateway in
                let (_, devices) = try await Self.furnish(gateway, accepting: [.psk, .tollgate])
                let forger = TestDevice(
                    identity: devices[0].identity, secret: try #require(Secret("not-this-one")))
                let wrong = try Self.context("lamp.dk1", [1, 2, 3])
                func byCONNECT(_ device: TestDevice) throws -> UInt8 {
                    let client = try TestClient(
                        port: gateway.tlsPort, certificates: gateway.certificates)
                    return try client.connect(as: .signed(device, secureMode: 2)).code
                }
                for number in 0..<16 {
                    if (number < 8) == keysFirst {
                        #expect(isRefused(wrong, gateway))
                    } else {
                        #expect(try byCONNECT(forger) >= 0x80)
                    }
                }
                // One or two more where a second and more have passed.
                #expect((10...12).contains(await gateway.endings(.badCredentials)))
                #expect(await gateway.endings(.tooManyFailures) >= 4)
                // In either way none is looked at now, the right one neither.
                #expect(try byCONNECT(devices[0]) == 0x9F)
                #expect(isRefused(try context(devices[0]), gateway))
                try await until { try byCONNECT(devices[0]) == 0 }
                #expect(try connect(try context(devices[0]), gateway).answer.code == 0)
            }
        }
    }
}
