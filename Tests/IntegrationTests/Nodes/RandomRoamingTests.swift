@testable import Gateway
import Ledger
import Links
import Linux
import MQTT
import RecordModel
import Support
import Testing

extension WholeGateway {
    /// Devices that come to nodes at random while links are cut, nodes don't hear of the books, and partitions change
    /// their owners.
    @Suite struct RandomRoamingTests {
        /// `TOLLGATE_SEED` repeats a run, as far as threads allow.
        @Test(
            "[MQTT-3.1.4-3]: whatever goes wrong between nodes, at rest a device is connected once"
        )
        func onceAtRest() async throws {
            var random = RecordRandom(
                seed: RecordRandom.number("TOLLGATE_SEED") ?? .random(in: 0...UInt64.max))
            try await TestNodes.run(configure: { $0.limits.duplicatesPerMinute = 1_000 }) {
                nodes in
                let product = try await nodes[0].createProduct(codes: 20)
                var devices: [TestDevice] = []
                for number in 0..<12 {
                    devices.append(try await nodes[0].importDevice("r\(number)", into: product))
                }
                try await nodes.catchUp()
                var clients = devices.map { _ in [TestClient]() }
                let end = MonotonicInstant.now().adding(milliseconds: 8_000)
                var deaf: (node: Int, until: MonotonicInstant)?
                var cutUntil: MonotonicInstant?
                while MonotonicInstant.now() < end {
                    let index = random.next(below: devices.count)
                    let client = try TestClient(
                        port: nodes[random.next(below: 3)].plainPort, version: .v5)
                    let keeps = random.next(below: 2) == 0
                    try client.sendConnect(
                        as: .signed(devices[index], secureMode: 3),
                        isCleanStart: random.next(below: 2) == 0, keepAliveSeconds: 600
                    ) { if keeps { $0.sessionExpiryInterval(seconds: 1_000) } }
                    clients[index].append(client)
                    switch random.next(below: 12) {
                    case 0 where deaf == nil:
                        let node = random.next(below: 3)
                        nodes.deafen(node)
                        deaf = (node, .now().adding(milliseconds: Int64(random.next(below: 2_000))))
                    case 1:
                        let from = random.next(below: 3)
                        let to = (from + 1 + random.next(below: 2)) % 3
                        nodes.peers.cut(from: TestNodes.name(from), to: TestNodes.name(to))
                        cutUntil = .now().adding(milliseconds: Int64(random.next(below: 4_000)))
                    case 2...4: try Self.moveOwners(nodes, &random)
                    default: break
                    }
                    if let lasting = deaf, lasting.until < .now() {
                        nodes.hear(lasting.node)
                        deaf = nil
                    }
                    if let lasting = cutUntil, lasting < .now() {
                        nodes.peers.mend()
                        cutUntil = nil
                    }
                    try await Task.sleep(for: .milliseconds(random.next(below: 60)))
                }
                if let deaf { nodes.hear(deaf.node) }
                nodes.peers.mend()
                try await nodes.settle()
                for index in devices.indices {
                    try await Self.expectOne(of: clients[index], devices[index], nodes)
                }
            }
        }

        /// Some of the nodes own all partitions for a moment.
        private static func moveOwners(_ nodes: TestNodes, _ random: inout RecordRandom) throws {
            let gateway = nodes[random.next(below: 3)].gateway
            guard let table = gateway.commons.neighbours?.table else { return }
            let left = random.next(below: 3)
            let owners = (0..<3).filter { $0 != left }.map(TestNodes.name)
            let next = PartitionTable.assigned(to: owners, after: table)
            gateway.ledger.submit(
                Command(
                    at: gateway.now, actor: "tester",
                    action: .cluster(.assignPartitions(next, after: table.number)))
            ) { _ in }
        }

        /// At most one of the device's clients is let in and connected; each has been answered.
        private static func expectOne(
            of clients: [TestClient], _ device: TestDevice, _ nodes: TestNodes
        ) async throws {
            var connected: [TestClient] = []
            for client in clients {
                // An owner that is gone, or a session that may be elsewhere, is waited for.
                var answer: TestPacket.Connack?
                do throws(TestClientError) {
                    answer = try client.first("CONNACK", seconds: 40) { packet in
                        if case .connack(let connack) = packet { connack } else { nil }
                    }
                } catch {
                    if case .timedOut = error { Issue.record("\(device.identity): no answer") }
                }
                if answer?.code == 0 { connected.append(client) }
            }
            let deadline = MonotonicInstant.now().adding(milliseconds: 10_000)
            while connected.count > 1, .now() < deadline {
                connected.removeAll { client in
                    do {
                        try client.ping()
                        return false
                    } catch { return true }
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            var places: [String] = []
            for index in 0..<3 {
                places.append(
                    "\(await nodes[index].gateway.connection(of: device.identity).map { "\($0)" } ?? "-")"
                )
            }
            #expect(connected.count <= 1, "\(device.identity): \(places)")
        }
    }
}
