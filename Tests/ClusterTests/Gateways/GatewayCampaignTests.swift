import Glibc
import Processes
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
        B16, B1, B2, A10: the same while a node's clock is an hour ahead, and another one's an hour behind: that one \
        consumes nothing and says so, and messages that end within the hour are not over
        """, .enabled(if: FakeClock.isInstalled, "needs Debian's package faketime"))
    func clocks() throws {
        try Self.run(seconds: Self.number("CLUSTER_CLOCK_SECONDS") ?? 15, .clocks)
    }

    @Test(
        """
        B1, B2, A10, C7: each node in turn is stopped with SIGTERM and started again: no device is away for longer \
        than its tries take, first connects go on, and nothing acknowledged is lost
        """)
    func upgrade() throws {
        let seed = Self.seed
        print("rolling upgrade: seed \(seed) (CLUSTER_SEED repeats it)")
        let campaign = try GatewayCampaign(seed: seed, seconds: 60)
        var findings = GatewayFindings(campaign)
        var upgrades: [NodeUpgrade] = []
        do {
            upgrades = try campaign.upgradeAll()
            try campaign.settle()
            try findings.lookAtRest()
            try campaign.finish()
            try findings.lookAtBooks()
        } catch {
            for node in campaign.nodes { node.drain() }
            Issue.record("seed \(seed): \(error); \(campaign.nodes.flatMap(\.falls))")
        }
        for one in upgrades {
            print(
                "rolling upgrade: \(one.node) has ended after \(one.endingMilliseconds) ms, and was ready after "
                    + "\(one.awayMilliseconds) ms; \(one.admissions) first connects meanwhile")
        }
        print("rolling upgrade: \(findings.summary)")
        try Self.keepLogs(of: campaign)
        let facts = campaign.record.now
        #expect(findings.all.prefix(20) == [], "seed \(seed): \(findings.all.count) findings")
        #expect(upgrades.count == 3)
        #expect(facts.longestAway < GatewayCampaign.longestAwayMilliseconds, "seed \(seed)")
        #expect(facts.arrivals.count > 100, "seed \(seed)")
    }

    @Test(
        """
        B1, B2, A10: a node is killed and stays away: a stored session of it is found at another node, with all that \
        was acknowledged for it
        """)
    func failover() throws {
        let campaign = try GatewayCampaign(seed: Self.seed, seconds: 60, sessionReplicas: 2)
        var findings = GatewayFindings(campaign)
        let failover = try campaign.failOver()
        try findings.lookAtRest()
        try campaign.finish()
        try findings.lookAtBooks()
        try Self.keepLogs(of: campaign)
        print(
            "failover: the session was found after \(failover.milliseconds) ms; \(failover.taken) messages for it"
        )
        let applications = campaign.record.now.applications
        if !findings.all.isEmpty { print("failover: applications: \(applications)") }
        #expect(failover.missing == [])
        #expect(failover.taken > 50)
        #expect(findings.all.prefix(20) == [])
        #expect(failover.milliseconds < 20_000)
    }

    @Test(
        """
        a replica's files are damaged while its server is down: clients are told the truth, or a node goes no \
        further and says why
        """, .enabled(if: number("CLUSTER_DAMAGE_SECONDS") != nil))
    func damaged() throws {
        try Self.run(seconds: Self.number("CLUSTER_DAMAGE_SECONDS") ?? 60, .damaged)
    }

    private static func run(seconds: Int, _ faults: GatewayCampaign.Faults) throws {
        let seed = seed
        print("gateway campaign: seed \(seed) (CLUSTER_SEED repeats its plan), \(seconds) seconds")
        let campaign = try GatewayCampaign(
            seed: seed, seconds: Int64(seconds), faults,
            sessionReplicas: number("CLUSTER_SESSION_REPLICAS") ?? 1)
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
        Self.sayLongestAways(campaign.record.now)
        for damage in campaign.tally.damages { print("gateway campaign: \(damage)") }
        let facts = campaign.record.now
        #expect(findings.all.prefix(20) == [], "seed \(seed): \(findings.all.count) findings")
        // Of a campaign of 24 seconds or more.
        let part = min(1, Double(seconds) / 24)
        #expect(
            Double(facts.admitted.count) > 20 * part && Double(facts.arrivals.count) > 200 * part,
            "seed \(seed)")
        #expect(campaign.tally.nodeKills > 4 && campaign.tally.serverKills > 0)
    }

    /// What kept the three devices that were away for the longest time, in milliseconds of the campaign.
    private static func sayLongestAways(_ facts: FleetRecord.Facts) {
        let trails = facts.awayTrails.sorted { $0.milliseconds > $1.milliseconds }
        for one in trails.prefix(3) {
            print("gateway campaign: away for \(one.milliseconds) ms: \(one.trail)")
        }
        if trails.isEmpty { return }
        print("gateway campaign: \(facts.faults.joined(separator: ", "))")
        print("gateway campaign: applications: \(facts.applications.joined(separator: ", "))")
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

    private static var seed: UInt64 {
        number("CLUSTER_SEED").map(UInt64.init) ?? .random(in: 1...UInt64(UInt32.max))
    }

    private static func number(_ variable: String) -> Int? {
        unsafe getenv(variable).flatMap { unsafe Int(String(cString: $0)) }
    }
}
