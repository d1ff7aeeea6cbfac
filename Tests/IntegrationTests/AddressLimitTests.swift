import Gateway
import Glibc
import Linux
import Support
import Testing
import Time

extension WholeGateway {
    /// One address must not keep the others out.
    @Suite struct AddressLimitTests {
        private static let stranger = IPAddress("127.0.0.66")!

        @Test(
            "12,000 silent sockets of one address: devices of another all come in, and so do its own after two seconds",
            arguments: [1, 2])
        func silentSockets(shards: Int) async throws {
            try await TestGateway.run(
                shards: shards, configure: { $0.limits.handshakesInFlight = 2_000 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                var sockets = SilentSockets()
                // As many as there are descriptors for both ends.
                let crowd = min(12_000, try ProcessLimits.raiseOpenFiles(to: 1 << 16) / 3)
                try sockets.open(crowd, to: gateway.plainPort, from: Self.stranger)
                let isLimited = sockets.waitUntilClosed(crowd - 1_000 - shards)
                #expect(isLimited)
                for _ in 0..<50 { _ = try gateway.connect(device) }
                #expect(await gateway.endings(.addressBusy) > 0)
                let waiting = await gateway.unadmitted(shards: shards)
                #expect(waiting >= 900 && waiting <= 1_000 + shards, "\(waiting)")
                usleep(2_200_000)
                let closed = sockets.closedCount
                for _ in 0..<50 { _ = try gateway.connect(device, from: Self.stranger) }
                // Each was admitted in the place of the one that had been silent longest.
                #expect(sockets.closedCount > closed)
            }
        }

        @Test(
            "silent sockets of many addresses: who comes takes the place of the one silent longest")
        func manyAddresses() async throws {
            try await TestGateway.run(
                shards: 2, configure: { $0.limits.handshakesInFlight = 400 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                var sockets = SilentSockets()
                for host in 1...200 {
                    let source = IPAddress("127.0.1.\(host)")!
                    try sockets.open(4, to: gateway.plainPort, from: source)
                }
                let isFull = sockets.waitUntilClosed(300)
                #expect(isFull)
                usleep(2_200_000)
                for _ in 0..<50 { _ = try gateway.connect(device) }
                #expect(await gateway.endings(.serverBusy) >= 400)
            }
        }

        @Test(
            "a few addresses that fill all places and come again and again: devices of another all come in",
            arguments: [1, 2])
        func fewAddresses(shards: Int) async throws {
            try await TestGateway.run(
                shards: shards, configure: { $0.limits.handshakesInFlight = 60 }
            ) { gateway in
                let product = try await gateway.createProduct(codes: 1)
                let device = try await gateway.importDevice("dk1", into: product)
                let port = gateway.plainPort
                let crowd = (1...4).map { IPAddress("127.0.8.\($0)")! }
                var silent = SilentSockets()
                for address in crowd { try silent.open(30, to: port, from: address) }
                let isFull = silent.waitUntilClosed(50)
                #expect(isFull)
                for _ in 0..<100 {
                    for address in crowd { try silent.open(2, to: port, from: address) }
                    _ = try gateway.connect(device)
                }
            }
        }

        @Test("a device that is admitted is no newcomer: thousands of one address are let in")
        func admitted() async throws {
            try await TestGateway.run(
                shards: 2, configure: { $0.limits.unadmittedPerAddress = 4 }
            ) { gateway in
                var clients: [TestClient] = []
                for number in 0..<200 {
                    clients.append(
                        try .connected(port: gateway.openPort, as: .anonymous("c\(number)")))
                }
                #expect(await gateway.unadmitted(shards: 2) == 0)
                #expect(await gateway.endings(.addressBusy) == 0)
            }
        }

        @Test("no limit of one address holds for the exempt networks")
        func exempt() async throws {
            try await TestGateway.run(
                shards: 1,
                configure: { configuration in
                    configuration.limits.unadmittedPerAddress = 5
                    configuration.limits.exemptNetworks = ["10.0.0.0/8", "127.0.2.0/24"]
                }
            ) { gateway in
                var exempt = SilentSockets()
                try exempt.open(100, to: gateway.plainPort, from: IPAddress("127.0.2.9")!)
                var other = SilentSockets()
                try other.open(100, to: gateway.plainPort, from: IPAddress("127.0.3.9")!)
                let isLimited = other.waitUntilClosed(95)
                #expect(isLimited && exempt.closedCount == 0)
                #expect(await gateway.unadmitted(shards: 1) == 105)
            }
        }

        @Test("TLS: handshakes that were begun and left are newcomers too")
        func handshakes() async throws {
            try await TestGateway.run(
                shards: 1, configure: { $0.limits.unadmittedPerAddress = 5 }
            ) { gateway in
                var sockets = SilentSockets()
                try sockets.open(50, to: gateway.tlsPort)
                let isLimited = sockets.waitUntilClosed(45)
                #expect(isLimited)
                usleep(2_200_000)
                let client = try TestClient(
                    port: gateway.tlsPort, certificates: gateway.certificates)
                _ = try client.connect(as: .anonymous("nobody"))
            }
        }
    }
}

extension TestGateway {
    /// How many connections have ended for that reason.
    func endings(_ reason: Reason) async -> Int {
        await metric("tollgate_connections_ended_total{reason=\"\(reason.name)\"}") ?? 0
    }

    /// Connections that have not been admitted.
    func unadmitted(shards: Int) async -> Int {
        var count = 0
        for shard in 0..<shards {
            count += await metric("tollgate_connections_unadmitted{shard=\"\(shard)\"}") ?? 0
        }
        return count
    }

    /// A device that is connected over the plain listener, from an address of the loopback.
    func connect(_ device: TestDevice, from source: IPAddress) throws -> TestClient {
        let client = try TestClient(port: plainPort, context: nil, from: source)
        let answer = try client.connect(as: .signed(device, secureMode: 3))
        guard answer.code == 0 else { throw TestRefusal(connack: answer) }
        return client
    }
}
