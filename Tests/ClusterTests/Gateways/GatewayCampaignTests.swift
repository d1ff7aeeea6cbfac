import Glibc
import Support
import Testing

/// `kill -9`, SIGSTOP and cut links against a cluster of whole gateways: `tollgate serve` over NATS JetStream.
@Suite("Gateways of a cluster in which things go wrong", .serialized, .waits)
struct GatewayCampaignTests {
    @Test(
        """
        B1, B2, A10, B14, C6, C7: gateways and servers are killed and paused; what clients were told happened, codes \
        are consumed once, messages arrive, each device has one connection, and counts are never ahead
        """)
    func killed() throws {
        try Self.run(seconds: Self.number("CLUSTER_SECONDS") ?? 60, .killed)
    }

    @Test(
        "B1, B2, A10, B14, C6, C7: the same while links are cut, to clients and to servers",
        .enabled(if: ClusterNetwork.canBeMade, "needs root and ip(8), for network namespaces"))
    func cut() throws {
        try Self.run(
            seconds: Self.number("CLUSTER_CUT_SECONDS") ?? 24, .cut(try ClusterNetwork()))
    }

    @Test(
        "B1, B2, A10, B14, C6, C7: the same while one node's disk is full now and then",
        .enabled(if: number("CLUSTER_DISK_SECONDS") != nil && geteuid() == 0, "needs root"))
    func full() throws { try Self.run(seconds: Self.number("CLUSTER_DISK_SECONDS") ?? 60, .full) }

    @Test(
        """
        a replica's files are damaged while its server is down: clients are told the truth, or a node goes no \
        further and says why
        """, .enabled(if: number("CLUSTER_DAMAGE_SECONDS") != nil))
    func damaged() throws {
        try Self.run(seconds: Self.number("CLUSTER_DAMAGE_SECONDS") ?? 60, .damaged)
    }

    private static func run(seconds: Int, _ faults: GatewayCampaign.Faults) throws {
        let seed = number("CLUSTER_SEED").map(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
        print("gateway campaign: seed \(seed) (CLUSTER_SEED repeats its plan), \(seconds) seconds")
        let campaign = try GatewayCampaign(seed: seed, seconds: Int64(seconds), faults)
        try campaign.run()
        var findings = GatewayFindings(campaign)
        do {
            try campaign.settle()
            try findings.lookAtRest()
            try campaign.finish()
            try findings.lookAtBooks()
        } catch {
            for node in campaign.nodes { node.drain() }
            Issue.record("seed \(seed): \(error); \(campaign.nodes.flatMap(\.falls))")
        }
        print("gateway campaign: \(findings.summary)")
        try keepLogs(of: campaign)
        for damage in campaign.tally.damages { print("gateway campaign: \(damage)") }
        let facts = campaign.record.now
        #expect(findings.all.prefix(20) == [], "seed \(seed): \(findings.all.count) findings")
        #expect(facts.admitted.count > 20 && facts.arrivals.count > 200, "seed \(seed)")
        #expect(campaign.tally.nodeKills > 4 && campaign.tally.serverKills > 0)
    }

    /// Where `CLUSTER_LOGS` says.
    private static func keepLogs(of campaign: GatewayCampaign) throws {
        guard let place = unsafe getenv("CLUSTER_LOGS") else { return }
        let directory = unsafe String(cString: place)
        try GatewayFiles.makeDirectory(directory)
        for node in campaign.nodes {
            try GatewayFiles.write(node.log, to: "\(directory)/\(node.name).log")
        }
    }

    private static func number(_ variable: String) -> Int? {
        unsafe getenv(variable).flatMap { unsafe Int(String(cString: $0)) }
    }
}
