import Fleet

/// What is to go wrong, and when, in milliseconds from the beginning.
struct FaultPlan {
    enum Event {
        case killNode
        case killServer
        case pause
        case startNode(Int)
        case startServer(Int)
        case resumeNode(Int)
        case resumeServer(Int)
    }

    private static let nodeKillMilliseconds: Int64 = 3_000
    private static let pauseEachMilliseconds: Int64 = 13_000
    static let pauseMilliseconds: Int64 = 9_000

    private let serverKillMilliseconds: Int64
    var dice: Dice
    private var agenda: [(at: Int64, event: Event)]

    init(seed: UInt64, serverKillMilliseconds: Int64) {
        self.serverKillMilliseconds = serverKillMilliseconds
        dice = Dice(seed: seed)
        agenda = [(2_000, .killNode), (5_000, .killServer), (9_500, .pause)]
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
            case .startNode, .startServer, .resumeNode, .resumeServer: break
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
    var damages: [String] = []
}

extension FaultTally: CustomStringConvertible {
    var description: String {
        let servers = "\(serverKills) servers killed (\(leaderKills) of them led)"
        let damage = damages.isEmpty ? "" : ", \(damages.count) replicas damaged"
        return
            "\(nodeKills) nodes and \(servers), \(nodePauses) nodes and \(serverPauses) servers paused\(damage)"
    }
}
