@testable import Gateway
import Ledger
import Links
import MQTT
import Storage
import Support
import Testing

extension WholeGateway {
    /// The log takes nothing, as it has no majority: what would change the books is refused in time, and is done once.
    @Suite struct NoMajorityTests {
        @Test(
            """
            a first CONNECT that the log does not take is refused in time, as is said of the device; when the log is \
            back, it has consumed one code, however often it came
            """)
        func connects() async throws {
            try await TestNodes.run(
                2, configure: { $0.ledgerPatience.connectMilliseconds = 1_000 }
            ) { nodes in
                let product = try await nodes[0].createProduct(codes: 5)
                let known = try await nodes.device("known", of: product)
                let device = try await nodes.device("new", of: product)
                try nodes[0].connect(known).leave()
                nodes.silence(0)
                for version in [ProtocolVersion.v5, .v3_1_1, .v5] {
                    let client = try TestClient(port: nodes[0].plainPort, version: version)
                    let connack = try client.connect(as: .signed(device, secureMode: 3))
                    #expect(connack.code == (version == .v5 ? 0x88 : 3))
                    let outcomes = await nodes[0].gateway.outcomes(of: device.identity)
                    #expect(outcomes.lastRefusal?.reason == .ledgerUnavailable)
                }
                let other = try nodes[0].connect(known)
                try other.ping()
                try other.leave()
                nodes.speak(0)
                try await until { nodes[0].gateway.ledger.clusterStanding?.waiting == 0 }
                #expect(try nodes[0].figures(of: product)?.consumed == 2)
                try nodes[0].connect(device).leave()
                try await nodes.catchUp()
                #expect(try nodes[1].figures(of: product)?.consumed == 2)
            }
        }

        @Test("a device that registers itself is refused in time as well")
        func registrations() async throws {
            try await TestNodes.run(
                2, configure: { $0.ledgerPatience.connectMilliseconds = 500 }
            ) { nodes in
                let product = try await nodes[0].createProduct(codes: 5)
                let identity = try await nodes[0].importUnregistered("dk1", into: product)
                nodes.silence(0)
                let client = try TestClient(
                    port: nodes[0].tlsPort, certificates: nodes[0].certificates, version: .v5)
                let connack = try client.connect(
                    as: .registering(identity, productSecret: product.secret))
                #expect(connack.code == 0x88)
                nodes.speak(0)
                try await until { nodes[0].gateway.ledger.clusterStanding?.waiting == 0 }
            }
        }

        @Test(
            """
            a change that the log does not take is answered as unanswered in time; sent again with its key it is made \
            once
            """)
        func changes() async throws {
            try await TestNodes.run(
                2, configure: { $0.ledgerPatience.requestMilliseconds = 1_000 }
            ) { nodes in
                let product = try await nodes[0].createProduct(codes: 5)
                let gateway = nodes[0].gateway
                func buy() async throws(StoreError) -> Outcome {
                    try await gateway.submit(
                        Command(
                            at: gateway.now, actor: "owner", idempotencyKey: "order-1",
                            action: .codes(
                                .purchase(
                                    product.account, package: product.package, quantity: 7,
                                    product: product.key))))
                }
                nodes.silence(0)
                for _ in 0..<2 {
                    await #expect(throws: StoreError.unanswered(seconds: 1)) { try await buy() }
                }
                nodes.speak(0)
                try await until { gateway.ledger.clusterStanding?.waiting == 0 }
                guard case .repeated = try await buy() else {
                    Issue.record("it was forgotten")
                    return
                }
                try await nodes.catchUp()
                #expect(try nodes[1].figures(of: product)?.remaining == 12)
            }
        }
    }

    /// Whether nodes reach each other is told as it is.
    @Suite struct NodeReachTests {
        @Test(
            "a node that is gone is said to be unreachable within seconds, and to be back when it is"
        )
        func killed() async throws {
            try await TestNodes.run { nodes in
                func reach(_ index: Int) throws -> [Bool?] {
                    try #require(try nodes[index].gateway.cluster()).members.map(\.isReachable)
                }
                try await until { try reach(0) == [true, true, true] }
                for other in 0..<2 {
                    nodes.peers.cut(from: TestNodes.name(2), to: TestNodes.name(other))
                    nodes.peers.cut(from: TestNodes.name(other), to: TestNodes.name(2))
                }
                let start = ContinuousClock.now
                try await until { try reach(0) == [true, true, false] }
                #expect(ContinuousClock.now - start < .seconds(20))
                try await until { try reach(2) == [false, false, true] }
                let report = try #require(try nodes[0].gateway.cluster())
                let heard = try #require(report.members[2].heardMilliseconds)
                #expect(heard >= 4_000 && heard < 60_000)
                let page = await nodes[0].gateway.metricsText()
                #expect(page.contains("tollgate_cluster_peer_reachable{node=\"n2\"} 1"))
                #expect(page.contains("tollgate_cluster_peer_reachable{node=\"n3\"} 0"))
                nodes.peers.mend()
                try await until { try reach(0) == [true, true, true] }
            }
        }
    }
}
