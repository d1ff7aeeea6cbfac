import Fleet
import Glibc
import Linux
import NATSServers
import Support
import TestFiles

@testable import JetStream

/// Three gateways over three servers, with a fleet at work, while processes of both are killed and paused, and links
/// are cut.
final class GatewayCampaign {
    /// What goes wrong besides that processes are killed and paused.
    enum Faults {
        case killed

        /// Links of that network are cut.
        case cut(ClusterNetwork)

        /// Files of servers that are down are damaged before they start again.
        case damaged

        /// One node's disk is full now and then.
        case full

        /// One node's clock is an hour ahead, another one's an hour behind.
        case clocks

        var areDamages: Bool { if case .damaged = self { true } else { false } }
        var areFullDisks: Bool { if case .full = self { true } else { false } }
        var areClocks: Bool { if case .clocks = self { true } else { false } }
    }

    /// Of nodes whose clocks are wrong, by their number, in seconds.
    static let secondsAhead: [Int64] = [0, 3_600, -3_600]

    static let flushSeconds: Int64 = 1

    /// Gateways are mostly started again at once; some of the time so late that others own their clients by then.
    private static let absenceMilliseconds: Int64 = 13_000
    private static let cutMilliseconds: Int64 = 6_000
    private static let fullMilliseconds: Int64 = 5_000

    /// The node with a disk of its own.
    private static let diskNode = 2
    static let devices = 12

    let nodes: [GatewayProcess]
    let record = FleetRecord()
    private(set) var troubles = GatewayTroubles()
    private(set) var tally = FaultTally()

    /// When, in milliseconds of the monotonic clock.
    private(set) var leaderKills: [Int64] = []
    private let servers: NATSServers
    private let settings: JetStreamSettings
    private let link: Link
    private let directory = TemporaryDirectory()
    let faults: Faults
    private var disk: FullDisk?
    private let clock: FakeClock?
    private let milliseconds: Int64
    private let seed: UInt64
    private var plan: FaultPlan
    private var threads: [Thread] = []

    /// The server, and the link, that is down: one at a time.
    private var missingServer: Int?
    private var cut: ClusterNetwork.Cable?

    init(
        seed: UInt64, seconds: Int64, _ faults: Faults = .killed, sessionReplicas: Int = 1
    ) throws {
        self.seed = seed
        self.faults = faults
        milliseconds = seconds * 1_000
        let network: ClusterNetwork? = if case .cut(let network) = faults { network } else { nil }
        // Damage comes with each kill of a server, so that there are more of them.
        plan = FaultPlan(
            seed: seed, serverKillMilliseconds: faults.areDamages ? 7_000 : 12_000,
            cutEachMilliseconds: network == nil ? nil : 8_000,
            fillEachMilliseconds: faults.areFullDisks ? 12_000 : nil)
        var options = NATSServers.Options()
        options.places = network?.servers ?? []
        servers = try NATSServers(3, options)
        var settings = servers.settings(stream: GatewayProcess.stream)
        settings.requestMilliseconds = 500
        settings.openMilliseconds = 30_000
        self.settings = settings
        let clock = faults.areClocks ? try FakeClock() : nil
        self.clock = clock
        let ports = try NATSServers.freePorts(6)
        let path = directory.path
        let certificates = try network.map {
            try TestCertificates(addresses: $0.gateways.map(\.address))
        }
        nodes = (0..<3).map { index in
            GatewayProcess(
                index, path, network?.gateways[index] ?? NATSServers.Place(),
                [ports[2 * index], ports[2 * index + 1]], certificates,
                under: clock?.command(secondsAhead: Self.secondsAhead[index]) ?? [])
        }
        for node in nodes { try node.configure(servers, sessionReplicas: sessionReplicas) }
        if faults.areFullDisks { disk = try FullDisk(at: nodes[Self.diskNode].dataDirectory) }
        try nodes[0].found()
        link = try Link(settings)
        try begin()
    }

    deinit {
        record.end()
        for node in nodes { node.kill() }
        for thread in threads { thread.join() }
        link.close()
    }

    /// The first node with what it sells, the others from it, and the fleet.
    private func begin() throws {
        let first = nodes[0]
        try first.start()
        try first.awaitStart()
        try first.ask("account", "create", "--id", "acme", "--name", "Acme")
        try first.ask(
            "package", "create", "--id", "basic", "--name", "Basic", "--validity-days", "365",
            "--messages-per-day", "1000000")
        try first.ask("product", "create", "--pk", "RACE", "--name", "Race", "--account", "acme")
        try first.ask(
            "codes", "buy", "acme", "--package", "basic", "--quantity", "\(codes)", "--product",
            "RACE")
        let rows = (0..<codes).map { "d\($0),secret-\($0)\n" }.joined()
        try first.ask("device", "import", "RACE", "-", input: "dk,secret\n" + rows)
        let key = try JSONPart(first.ask("key", "create", "--name", "reader", "--json"))
        for node in nodes.dropFirst() {
            try node.join(first)
            try node.start()
        }
        for node in nodes { try node.awaitStart() }
        try employ(key)
    }

    /// As many as may come in the time.
    var codes: Int { Self.devices + Int(milliseconds / 1_000) * 60 }

    private func employ(_ key: JSONPart) throws {
        let places = GatewayPlaces(nodes: nodes.map { ($0.host, $0.port) })
        guard let user = key["userName"].text, let secret = key["secret"].text else {
            throw GatewayProcess.Failed(what: "no key")
        }
        let record = record
        for number in nodes.indices {
            let credentials = TestCredentials(
                clientID: "reader-\(number)", userName: user, password: secret)
            let seed = seed &+ 1_000 &+ UInt64(number)
            try employ("application") {
                FleetApplication(
                    number, as: credentials, places, record, devices: Self.devices, seed: seed
                ).run()
            }
        }
        for number in 0..<Self.devices {
            let seed = seed &+ UInt64(number)
            try employ("device") { FleetDevice(number, places, record, seed: seed).run() }
        }
        let newcomers = FleetNewcomers(places, record, from: Self.devices, count: codes)
        for _ in 0..<2 { try employ("newcomers") { newcomers.run() } }
    }

    private func employ(_ name: String, _ work: @escaping @Sendable () -> Void) throws {
        threads.append(try Thread(name: name, body: work))
    }

    /// Whether it is the same day by all clocks, as counts are of a day.
    var isOneDay: Bool {
        guard faults.areClocks else { return true }
        let second = Int64(time(nil)) % 86_400
        return second > 3_600 + milliseconds / 1_000 && second < 86_400 - 3_600
    }

    func noteTrouble(forMilliseconds length: Int64) {
        troubles.add(node: nil, forMilliseconds: length)
    }

    // MARK: While things go wrong

    func run() throws {
        let start = MonotonicInstant.now()
        var now: Int64 = 0
        while now < milliseconds {
            now = MonotonicInstant.now().milliseconds(since: start)
            for event in plan.due(at: now) {
                record.note { [time = record.time] in $0.faults.append("\(event) at \(time)") }
                try carryOut(event, at: now)
            }
            for node in nodes { node.drain() }
            usleep(5_000)
        }
    }

    private func carryOut(_ event: FaultPlan.Event, at now: Int64) throws {
        switch event {
        case .killNode: killNode(at: now)
        case .killServer: try killServer(at: now)
        case .pause: pause(at: now)
        case .cutLink: try cutLink(at: now)
        case .startNode(let index): try nodes[index].start()
        case .startServer(let index):
            damage(index)
            try servers.start(index, waits: false)
            missingServer = nil
        case .resumeNode(let index):
            nodes[index].resume()
        case .resumeServer(let index):
            servers.resume(index)
            missingServer = nil
        case .mendLink: try mendLink()
        case .fillDisk:
            disk?.fill()
            tally.fullDisks += 1
            troubles.add(node: Self.diskNode, forMilliseconds: Self.fullMilliseconds)
            plan.add(.clearDisk, at: now + Self.fullMilliseconds)
        case .clearDisk: disk?.clear()
        }
    }

    private func killNode(at now: Int64) {
        let running = nodes.indices.filter { nodes[$0].isRunning && !nodes[$0].isPaused }
        guard let index = running.randomElement(using: &plan.dice) else { return }
        record.note { $0.faults.append("n\(index + 1)") }
        nodes[index].kill()
        tally.nodeKills += 1
        let isAll = running.count == nodes.count
        // Of wrong clocks one is behind: who is left has to let devices in.
        let isLong = isAll && !faults.areClocks && plan.dice.number(below: 6) == 0
        let delay = isLong ? Self.absenceMilliseconds : Int64(plan.dice.number(below: 1_500))
        troubles.add(node: index, forMilliseconds: delay)
        plan.add(.startNode(index), at: now + delay)
    }

    /// Mostly the one that leads the stream.
    private func killServer(at now: Int64) throws {
        guard missingServer == nil, cut == nil else { return }
        let leader = (try? StreamAPI(link, settings).info().leader).flatMap {
            servers.index(of: $0)
        }
        let other = plan.dice.number(below: 3)
        let index = plan.dice.number(below: 4) == 0 ? other : leader ?? other
        try servers.stop(index, kill: true)
        missingServer = index
        tally.serverKills += 1
        if index == leader {
            tally.leaderKills += 1
            leaderKills.append(MonotonicInstant.now().nanoseconds / 1_000_000)
        }
        let delay = 2_000 + Int64(plan.dice.number(below: 7_000))
        troubles.add(node: nil, forMilliseconds: delay)
        plan.add(.startServer(index), at: now + delay)
    }

    private func pause(at now: Int64) {
        let length = FaultPlan.pauseMilliseconds
        if !faults.areDamages, plan.dice.number(below: 2) == 0, missingServer == nil, cut == nil {
            let index = plan.dice.number(below: 3)
            servers.pause(index)
            missingServer = index
            tally.serverPauses += 1
            troubles.add(node: nil, forMilliseconds: length)
            plan.add(.resumeServer(index), at: now + length)
            return
        }
        let running = nodes.indices.filter { nodes[$0].isRunning && !nodes[$0].isPaused }
        guard let index = running.randomElement(using: &plan.dice) else { return }
        record.note { $0.faults.append("n\(index + 1)") }
        nodes[index].pause()
        tally.nodePauses += 1
        troubles.add(node: index, forMilliseconds: length)
        plan.add(.resumeNode(index), at: now + length)
    }

    private func cutLink(at now: Int64) throws {
        guard case .cut(let network) = faults, missingServer == nil, cut == nil else { return }
        guard let cable = network.cables.randomElement(using: &plan.dice) else { return }
        try network.cut(cable)
        cut = cable
        tally.cuts += 1
        troubles.add(
            node: cable.gateway, forMilliseconds: Self.cutMilliseconds + Self.cutMilliseconds)
        plan.add(.mendLink, at: now + Self.cutMilliseconds)
    }

    private func mendLink() throws {
        if case .cut(let network) = faults, let cut { try network.mend(cut) }
        cut = nil
    }

    private func damage(_ index: Int) {
        guard faults.areDamages else { return }
        let path = servers.messages(of: settings.stream, index)
        if let done = StreamDamage.inflict(in: path, &plan.dice) {
            tally.damages.append("n\(index): \(done)")
        }
    }

    // MARK: Afterwards

    /// Everything is well again, and clients come to rest.
    func settle() throws {
        try mendLink()
        disk?.clear()
        for index in 0..<3 where servers.isRunning(index) { servers.resume(index) }
        if let missingServer, !servers.isRunning(missingServer) {
            damage(missingServer)
            try servers.start(missingServer)
        }
        for node in nodes {
            node.resume()
            node.drain()
            if !node.isRunning { try node.start() }
        }
        for node in nodes { try node.awaitStart() }
        record.rest()
    }

    /// All clients go, then all gateways.
    func finish() throws {
        record.end()
        for thread in threads { thread.join() }
        threads = []
        for node in nodes { try node.finish() }
    }
}

/// When counts of a node may have been lost with it, or could not get to the others.
struct GatewayTroubles {
    /// What a busy machine takes to flush, and nodes to find each other again.
    private static let behindMilliseconds: Int64 = 1_000 * GatewayCampaign.flushSeconds + 2_500
    private static let recoveryMilliseconds: Int64 = 6_000

    /// Of a node, or of all.
    private var times: [(node: Int?, from: MonotonicInstant, to: MonotonicInstant)] = []

    /// - Parameter node: `nil`: of a server, which all nodes may have to find another one for.
    mutating func add(node: Int?, forMilliseconds length: Int64) {
        let now = MonotonicInstant.now()
        let recovery = node == nil ? Self.recoveryMilliseconds : 0
        times.append((node, now, now.adding(milliseconds: length + recovery)))
    }

    /// Whether what `node` counted then has got to the others.
    func spare(_ node: Int, at time: MonotonicInstant) -> Bool {
        let end = time.adding(milliseconds: Self.behindMilliseconds)
        return !times.contains { trouble in
            (trouble.node == nil || trouble.node == node) && trouble.from <= end
                && time <= trouble.to
        }
    }
}
