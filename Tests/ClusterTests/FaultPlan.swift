import Fleet

/// What is to go wrong, and when, in milliseconds from the beginning.
struct FaultPlan {
    enum Event {
        case killNode
        case killServer
        case pause
        case cutLink
        case fillDisk
        case startNode(Int)
        case startServer(Int)
        case resumeNode(Int)
        case resumeServer(Int)
        case mendLink
        case clearDisk
    }

    private static let nodeKillMilliseconds: Int64 = 3_000
    private static let pauseEachMilliseconds: Int64 = 13_000
    static let pauseMilliseconds: Int64 = 9_000

    private let serverKillMilliseconds: Int64
    private let cutEachMilliseconds: Int64?
    private let fillEachMilliseconds: Int64?
    var dice: Dice
    private var agenda: [(at: Int64, event: Event)]

    /// - Parameters:
    ///   - cutEachMilliseconds: how often a link is cut; `nil` for never.
    ///   - fillEachMilliseconds: how often a disk is filled.
    init(
        seed: UInt64, serverKillMilliseconds: Int64, cutEachMilliseconds: Int64? = nil,
        fillEachMilliseconds: Int64? = nil
    ) {
        self.serverKillMilliseconds = serverKillMilliseconds
        self.cutEachMilliseconds = cutEachMilliseconds
        self.fillEachMilliseconds = fillEachMilliseconds
        dice = Dice(seed: seed)
        agenda = [(2_000, .killNode), (5_000, .killServer), (9_500, .pause)]
        if let cutEachMilliseconds { agenda.append((cutEachMilliseconds, .cutLink)) }
        if let fillEachMilliseconds { agenda.append((fillEachMilliseconds, .fillDisk)) }
    }

    mutating func add(_ event: Event, at time: Int64) { agenda.append((time, event)) }

    /// What is due. What comes again and again is put on the agenda again.
    mutating func due(at now: Int64) -> [Event] {
        let due = agenda.filter { $0.at <= now }.sorted { $0.at < $1.at }
        agenda.removeAll { $0.at <= now }
        for (time, event) in due {
            switch event {
            case .killNode: add(event, at: time + Self.nodeKillMilliseconds)
            case .killServer: add(event, at: time + serverKillMilliseconds)
            case .pause: add(event, at: time + Self.pauseEachMilliseconds)
            case .cutLink: if let cutEachMilliseconds { add(event, at: time + cutEachMilliseconds) }
            case .fillDisk:
                if let fillEachMilliseconds { add(event, at: time + fillEachMilliseconds) }
            case .startNode, .startServer, .resumeNode, .resumeServer, .mendLink, .clearDisk: break
            }
        }
        return due.map(\.event)
    }
}

/// What has gone wrong.
struct FaultTally {
    var nodeKills = 0
    var leaderKills = 0
    var serverKills = 0
    var nodePauses = 0
    var serverPauses = 0
    var cuts = 0
    var fullDisks = 0
    var damages: [String] = []
}

extension FaultTally: CustomStringConvertible {
    var description: String {
        let servers = "\(serverKills) servers killed (\(leaderKills) of them led)"
        let links = cuts == 0 ? "" : ", \(cuts) links cut"
        let disks = fullDisks == 0 ? "" : ", a disk filled \(fullDisks) times"
        let damage = damages.isEmpty ? "" : ", \(damages.count) replicas damaged"
        return
            "\(nodeKills) nodes and \(servers), \(nodePauses) nodes and \(serverPauses) servers paused"
            + links + disks + damage
    }
}
