import Glibc
import Linux
import Support

/// What is wrong with a cluster after a campaign, each wait with a limit.
struct GatewayFindings {
    private let campaign: GatewayCampaign
    private(set) var all: [String] = []

    /// What nodes say that keeps them from going on.
    private(set) var reasons: [String] = []

    init(_ campaign: GatewayCampaign) { self.campaign = campaign }

    // MARK: While all serve

    mutating func lookAtRest() throws {
        awaitRest()
        awaitMessages()
        try awaitPresence()
        try lookAtCodes()
        if campaign.isOneDay { try lookAtCounts() }
        if campaign.faults.areClocks { try lookAtClocks() }
        let check = try campaign.nodes[0].run(["cluster", "check", "--seconds", "30"])
        if check.status != 0 { all.append("cluster check: \(check.output)\(check.errors)") }
        for node in campaign.nodes {
            let status = try JSONPart(node.ask("cluster", "status", "--json"))
            let trouble = status["why"].text ?? status["trouble"].text ?? status["logDoubt"].text
            if let trouble { reasons.append("\(node.name): \(trouble)") }
        }
        if !mayStop { all += reasons }
    }

    /// A node whose log was damaged may go no further, and then clients do not get all that they were promised.
    private var mayStop: Bool { campaign.faults.areDamages }

    private var hasStopped: Bool { mayStop && !reasons.isEmpty }

    private mutating func awaitRest() {
        let count = GatewayCampaign.devices
        let record = campaign.record
        if Self.awaits({ record.now.resting.count == count }) { return }
        let resting = record.now.resting
        let others = (0..<count).filter { !resting.contains($0) }
        all.append("devices \(others) do not come to rest, each with one connection")
    }

    /// What was taken has to arrive.
    private mutating func awaitMessages() {
        let record = campaign.record
        func missing() -> [Int] {
            let facts = record.now
            return facts.uplinks.filter { $1.isTaken && facts.arrivals[$0] == nil }.map(\.key)
        }
        if Self.awaits({ missing().isEmpty }) { return }
        let facts = record.now
        for number in missing().sorted() {
            guard let message = facts.uplinks[number] else { continue }
            let kind = message.isOnce ? "QoS 2" : "QoS 1"
            all.append(
                "message \(number) (\(kind)) of device \(message.device) has not come to application "
                    + "\(message.application): \(message.trail)")
        }
    }

    private mutating func awaitPresence() throws {
        for node in campaign.nodes {
            var online = 0
            let isRight = try Self.awaits {
                online = try figures(node)["devices"]["online"].number ?? -1
                return online == GatewayCampaign.devices
            }
            if !isRight {
                all.append("\(node.name): \(online) devices online, not \(GatewayCampaign.devices)")
            }
        }
    }

    private func figures(_ node: GatewayProcess) throws -> JSONPart {
        try JSONPart(node.ask("product", "show", "RACE", "--json"))
    }

    private mutating func lookAtCodes() throws {
        for node in campaign.nodes {
            let figures = try figures(node)
            let (codes, devices) = (figures["codes"], figures["devices"])
            guard let assigned = codes["assigned"].number, let left = codes["remaining"].number,
                let consumed = codes["consumed"].number, let active = devices["active"].number
            else {
                all.append("\(node.name): no figures")
                continue
            }
            if assigned != campaign.codes || left + consumed != assigned || consumed != active {
                all.append(
                    "\(node.name): \(campaign.codes) codes bought, \(assigned) assigned, \(left) left, "
                        + "\(consumed) consumed, \(active) devices active")
            }
        }
    }

    /// B16: a node whose clock is behind the books consumes nothing and says why; one that is an hour ahead is believed.
    private mutating func lookAtClocks() throws {
        for (node, seconds) in zip(campaign.nodes, GatewayCampaign.secondsAhead) {
            let clock = try node.ask("clock", "show", "--json")
            let isDoubted = try JSONPart(clock)["doubt"].isThere
            if isDoubted != (seconds < 0) {
                all.append("\(node.name), whose clock is \(seconds) s ahead: \(clock)")
            }
            let isReady = try Self.awaits(seconds: seconds < 0 ? 1 : Patience.seconds) {
                try node.isReady()
            }
            if isReady != (seconds >= 0) {
                all.append(
                    "\(node.name), whose clock is \(seconds) s ahead, is \(isReady ? "" : "not ")ready"
                )
            }
        }
        let refusals = campaign.record.now.connacks["newcomer 136"] ?? 0
        if refusals == 0 { all.append("no first connect was refused for the sake of a clock") }
    }

    /// C7: never ahead of what was sent; behind by what could not get to the others in time.
    private mutating func lookAtCounts() throws {
        for device in 0..<GatewayCampaign.devices {
            var counts: [Int] = []
            _ = try Self.awaits(seconds: 10) {
                counts = try campaign.nodes.map { node in
                    let text = try node.ask("device", "usage", "RACE", "d\(device)", "--json")
                    return try JSONPart(text)["used"].number ?? -1
                }
                return Set(counts).count == 1
            }
            if Set(counts).count != 1 { all.append("device \(device) has counts \(counts)") }
            let facts = campaign.record.now
            let most = facts.begun[device] ?? 0
            let least = (facts.acknowledged[device] ?? []).count { unit in
                campaign.troubles.spare(unit.node, at: unit.at)
            }
            for count in counts where count > most || count < least {
                all.append("device \(device): \(count) units, not \(least) to \(most)")
            }
        }
    }

    // MARK: When all have ended

    mutating func lookAtBooks() throws {
        if hasStopped {
            for finding in all { print("gateway campaign: as a node has stopped: \(finding)") }
            all = []
        }
        var books: [NodeBooks] = []
        for node in campaign.nodes {
            all += node.falls
            if let complaint = try node.complaint() { all.append(complaint) }
            books.append(try NodeBooks(node.name, in: "\(node.dataDirectory)/ledger"))
        }
        let admitted = campaign.record.now.admitted
        for one in books {
            all += one.findings + one.audit
            if hasStopped { continue }
            if one.codes != books[0].codes {
                all.append("\(one.name) and \(books[0].name) have consumed other codes")
            }
            for device in admitted where one.codes[device] == nil {
                all.append("\(one.name): device \(device) was admitted, and has no code")
            }
        }
        all += campaign.record.now.findings
        lookAtDoubles()
    }

    /// A device whose session is away with its node begins a new one elsewhere, and what it sends again there is a new
    /// message. All others of QoS 2 are to come once.
    ///
    /// They are printed, and no finding as long as they are few, as some come twice still (Architecture.md, "Not yet"):
    /// of one campaign 4, in which 467 gateways and 100 servers were killed or paused.
    private mutating func lookAtDoubles() {
        if hasStopped { return }
        var doubles = 0
        let facts = campaign.record.now
        for (number, count) in facts.arrivals.sorted(by: { $0.key < $1.key }) where count > 1 {
            guard let message = facts.uplinks[number], message.isOnce, !message.hasLostSession
            else { continue }
            doubles += 1
            print(
                "gateway campaign: message \(number) (QoS 2) of device \(message.device), whose session was there, has "
                    + "come \(count) times: \(message.trail), \(facts.arrivalTrails[number] ?? []); it came in at "
                    + "\(facts.entries[message.device] ?? [])")
        }
        let tally = campaign.tally
        let faults =
            tally.nodeKills + tally.serverKills + tally.nodePauses + tally.serverPauses + tally.cuts
        if doubles > 3 + faults / 50 {
            all.append("\(doubles) messages of QoS 2 came twice although their session was there")
        }
    }

    var doubles: (atLeastOnce: Int, exactlyOnce: Int) {
        let facts = campaign.record.now
        let twice = facts.arrivals.filter { $0.value > 1 }.keys
        let once = twice.count { facts.uplinks[$0]?.isOnce == true }
        return (twice.count - once, once)
    }

    /// In one paragraph.
    var summary: String {
        let facts = campaign.record.now
        let taken = facts.uplinks.values.count { $0.isTaken }
        let times = facts.admissions.sorted()
        let silence = zip(times, times.dropFirst()).map { $1 - $0 }.max() ?? 0
        let acknowledged = facts.acknowledged.values.joined()
        let counted = acknowledged.count { campaign.troubles.spare($0.node, at: $0.at) }
        func list(_ counts: [String: Int]) -> String {
            counts.sorted { $0.key < $1.key }.map { "\($0) x\($1)" }.joined(separator: ", ")
        }
        return """
            \(campaign.tally); \(facts.admitted.count) first connects that raced on all nodes, the longest time \
            without one \(silence) ms, \(Self.text(leaderChanges(times))) at a kill of the leader; \
            \(facts.uplinks.count) messages from \(GatewayCampaign.devices) devices, \(taken) taken, \
            \(facts.arrivals.count) arrived, twice \(doubles.atLeastOnce) of QoS 1 and \(doubles.exactlyOnce) of \
            QoS 2 (\(facts.uplinks.values.count { $0.isOnce && $0.hasLostSession }) of these had lost their session); of \(facts.unheard) it was said that no one hears them, although their application was there; \
            \(acknowledged.count) units acknowledged, \(counted) of them so that no fault excuses their loss; \
            \(facts.downlinks) messages to devices; the longest time that a device was away \
            \(facts.longestAway) ms; \(facts.sessionsLost) times one was told that it has no session. CONNACK: \(list(facts.connacks)). Acknowledged: \(list(facts.answers)). \
            DISCONNECT: \(list(facts.endings))
            """
    }

    /// How long no device came for the first time, at each kill of the stream's leader.
    private func leaderChanges(_ times: [Int64]) -> [Int64] {
        campaign.leaderKills.compactMap { kill in
            zip(times, times.dropFirst()).filter { $1 > kill && $0 < kill + 3_000 }
                .map { $1 - max($0, kill) }.max()
        }
    }

    private static func text(_ times: [Int64]) -> String {
        guard let least = times.min(), let most = times.max() else { return "none" }
        return "\(least) to \(most) ms"
    }

    private static func awaits(
        seconds: Double = Patience.seconds, _ condition: () throws -> Bool
    ) rethrows -> Bool {
        let end = MonotonicInstant.now().adding(milliseconds: Int64(seconds * 1_000))
        while try !condition() {
            guard MonotonicInstant.now() < end else { return false }
            usleep(200_000)
        }
        return true
    }
}
