import Fleet
import Glibc
import LedgerModel
import Linux
import NATSServers
import Support
import TestFiles

@testable import JetStream

/// Three gateways' ledgers over three servers, while processes of both are killed and paused.
final class Campaign {
    /// Codes for half of the devices that come in the time.
    private static let devicesPerSecond = 250

    /// They are used up before a campaign's end, on a slow machine, too.
    private static let codesPerSecond = 60
    private static let inFlight = 64

    private let servers: NATSServers
    private let settings: JetStreamSettings
    private let link: Link
    private let directory = TemporaryDirectory()
    private let damages: Bool
    private let milliseconds: Int64
    private let start: MonotonicInstant
    private var plan: FaultPlan
    private var nodes: [NodeProcess] = []

    /// The server that is down or paused: one at a time, or there is no majority, and nothing to be seen.
    private var missingServer: Int?
    private(set) var tally = FaultTally()
    private(set) var findings: [String] = []

    /// - Parameter damages: whether files of servers that are down are damaged before they start again.
    init(seed: UInt64, seconds: Int64, damages: Bool) throws {
        // Damage comes with each kill of a server, so that there are more of them.
        plan = FaultPlan(seed: seed, serverKillMilliseconds: damages ? 7_000 : 12_000)
        milliseconds = seconds * 1_000
        self.damages = damages
        servers = try NATSServers(3)
        var settings = servers.settings()
        settings.openMilliseconds = 60_000
        let cluster = ClusterID(UInt128.random(in: 1 ... .max))
        // Three servers sync what a stream is made of, which takes a busy disk its time.
        try JetStreamLog(settings, clusterID: cluster.description).close()
        settings.requestMilliseconds = 500
        self.settings = settings
        link = try Link(settings)
        start = .now()
        let words =
            [
                "\(cluster)", "\(start.nanoseconds / 1_000_000)", "\(Self.devicesPerSecond)",
                "\(Int(seconds) * Self.codesPerSecond)",
                "\(Self.inFlight)",
            ] + servers.urls
        for name in ["n1", "n2", "n3"] {
            nodes.append(NodeProcess(name, directory.file(name), words))
        }
    }

    deinit {
        for node in nodes { node.kill() }
        link.close()
    }

    // MARK: While things go wrong

    func run() throws {
        for node in nodes { try node.start() }
        var now: Int64 = 0
        while now < milliseconds {
            now = MonotonicInstant.now().milliseconds(since: start)
            for event in plan.due(at: now) { try carryOut(event, at: now) }
            for node in nodes { node.drain() }
            usleep(5_000)
        }
    }

    private func carryOut(_ event: FaultPlan.Event, at now: Int64) throws {
        switch event {
        case .killNode: killNode(at: now)
        case .killServer: try killServer(at: now)
        case .pause: pause(at: now)
        case .startNode(let index): try nodes[index].start()
        case .startServer(let index):
            if damages { damage(index) }
            try servers.start(index, waits: false)
            missingServer = nil
        case .resumeNode(let index): nodes[index].resume()
        case .resumeServer(let index):
            servers.resume(index)
            missingServer = nil
        // Its nodes are on the loopback, and have one disk.
        case .cutLink, .mendLink, .fillDisk, .clearDisk: break
        }
    }

    private func aNode() -> Int? {
        nodes.indices.filter { nodes[$0].isRunning && !nodes[$0].isPaused }
            .randomElement(using: &plan.dice)
    }

    private func killNode(at now: Int64) {
        guard let index = aNode() else { return }
        nodes[index].kill()
        tally.nodeKills += 1
        plan.add(.startNode(index), at: now + Int64(plan.dice.number(below: 1_000)))
    }

    /// Mostly the one that leads the stream.
    private func killServer(at now: Int64) throws {
        guard missingServer == nil else { return }
        let leader = (try? StreamAPI(link, settings).info().leader).flatMap {
            servers.index(of: $0)
        }
        let other = plan.dice.number(below: 3)
        let index = plan.dice.number(below: 4) == 0 ? other : leader ?? other
        try servers.stop(index, kill: true)
        missingServer = index
        tally.serverKills += 1
        tally.leaderKills += index == leader ? 1 : 0
        plan.add(
            .startServer(index),
            at: now + 2_000 + Int64(plan.dice.number(below: damages ? 3_000 : 7_000)))
    }

    private func pause(at now: Int64) {
        let end = now + FaultPlan.pauseMilliseconds
        if !damages, plan.dice.number(below: 2) == 0, missingServer == nil {
            let index = plan.dice.number(below: 3)
            servers.pause(index)
            missingServer = index
            tally.serverPauses += 1
            plan.add(.resumeServer(index), at: end)
        } else if let index = aNode() {
            nodes[index].pause()
            tally.nodePauses += 1
            plan.add(.resumeNode(index), at: end)
        }
    }

    private func damage(_ index: Int) {
        let path = servers.messages(of: settings.stream, index)
        if let done = StreamDamage.inflict(in: path, &plan.dice) {
            tally.damages.append("n\(index): \(done)")
        }
    }

    // MARK: Afterwards

    /// What the nodes say when all is well again, and nothing happens any more.
    func settle() throws -> [NodeStanding] {
        for index in 0..<3 where servers.isRunning(index) { servers.resume(index) }
        if let missingServer, !servers.isRunning(missingServer) {
            if damages { damage(missingServer) }
            try servers.start(missingServer)
        }
        for node in nodes {
            node.resume()
            node.drain()
            if !node.isRunning { try node.start() }
            try node.tell("rest")
        }
        let standings = try awaitRest()
        for node in nodes {
            try node.finish()
            findings += node.falls
        }
        return standings
    }

    /// Until all are at one place for longer than an envelope may be on its way; or, when files were damaged, each
    /// there or with a reason why not.
    private func awaitRest() throws -> [NodeStanding] {
        let end = MonotonicInstant.now().adding(milliseconds: 60_000)
        var last: [NodeStanding] = []
        var since = MonotonicInstant.now()
        while MonotonicInstant.now() < end {
            for node in nodes { try node.tell("standing") }
            usleep(200_000)
            let standings = nodes.map { node in
                NodeStanding(
                    node.lastLine("standing") ?? "", hasRested: node.lastLine("resting") != nil)
            }
            if standings != last { since = .now() }
            last = standings
            let isAtRest = standings.allSatisfy { $0.isOpen && $0.hasRested && $0.waiting == 0 }
            let isOne = Set(standings.map(\.mark)).count == 1
            let quiet = MonotonicInstant.now().milliseconds(since: since)
            if isAtRest && isOne && quiet > 2_000 { return last }
            if damages, quiet > 15_000, standings.allSatisfy(\.isSettled) { return last }
        }
        if !damages {
            findings.append("the cluster does not come to rest: \(last.map(\.text))")
        }
        return last
    }

    /// What was answered by all nodes.
    func acknowledgements() -> Acknowledgements {
        var answers = Acknowledgements()
        for node in nodes {
            for output in node.outputs { answers.read(output, of: node.name) }
        }
        return answers
    }

    /// The books of all nodes, which have ended.
    func books() throws -> [NodeBooks] {
        try nodes.map { try NodeBooks($0.name, in: $0.directory) }
    }

    var codes: UInt64 { UInt64(milliseconds / 1_000) * UInt64(Self.codesPerSecond) }
}

/// What a node says of itself.
struct NodeStanding: Equatable {
    let text: String
    let hasRested: Bool
    let isOpen: Bool
    let mark: Substring
    let waiting: Int
    let reason: String

    /// - Parameter line: `standing PHASE MARK WAITING REASON`.
    init(_ line: String, hasRested: Bool) {
        text = line
        self.hasRested = hasRested
        let words = line.split(separator: " ", maxSplits: 3)
        isOpen = words.count > 2 && words[1] == "open"
        mark = words.count > 2 ? words[2] : ""
        let rest = words.count > 3 ? words[3] : ""
        let digits = rest.prefix { $0.isNumber }
        waiting = Int(digits) ?? -1
        reason = String(rest.dropFirst(digits.count))
    }

    /// It is done, or says why it can't be.
    var isSettled: Bool { (isOpen && hasRested && waiting == 0) || !reason.isEmpty }
}
