import Ledger
import Metering
import Sessions

/// Where clients are, as far as one shard has to know: of the partitions that this node owns, on which node each is;
/// and by which claims those that are here were let in. Both of clients whose home is this shard.
struct ClientPlaces {
    /// A client that is another node's, or on its way to one.
    struct Entry {
        var node: UInt8
        var number: UInt64
        var move: Move?
    }

    /// A client changes nodes: what comes for it meanwhile waits.
    struct Move {
        let to: DisplacedBy

        /// Where it was.
        var holder = Peers.here
        var messages: [HeldDownlink] = []

        /// Where it is as well, as nodes have said meanwhile.
        var told: [(place: ClientPlace, by: NodeMail.Target)] = []

        /// Who has come after the one that it moves to.
        var claims: [(by: DisplacedBy, isCleanStart: Bool)] = []
    }

    /// A move that was under way when another node became the client's owner: it is carried out all the same.
    struct AbandonedMove {
        let to: DisplacedBy
        let holder: UInt8
        let number: UInt64
    }

    /// A session of which another node has been given a copy. If it is lost before it says that it has it, the session is
    /// this node's still.
    struct Yielded {
        let to: UInt8
        let claim: UInt64

        /// The sequence behind what was given.
        let next: UInt64
    }

    /// A client that comes in when its session is on this node's disk, and on no other's.
    struct Arrival {
        var waiting: WaitingClaim
        let number: UInt64
        let from: UInt8
        let sinceTick: UInt64
    }

    /// Clients of this node's partitions; one that is not among them is here, or nowhere.
    var owned: [SessionName: Entry] = [:]

    /// Until where the client was has answered, or is lost.
    var abandoned: [SessionName: [AbandonedMove]] = [:]

    /// Clients that are connected here, or have a session here: the number of the claim, 0 for none.
    var claims: [SessionName: UInt64] = [:]

    /// Sessions that other nodes have been given, until they have them.
    var yielded: [SessionName: Yielded] = [:]

    /// Clients whose sessions have come here, until where they were has them no more.
    var arrivals: [SessionName: Arrival] = [:]

    /// What this shard has found of clients that leave it, for claims that it decides itself.
    var finishedYields: [(SessionName, DisplacedBy, YieldedClient)] = []

    /// Sessions that have ended in this turn.
    var ended: [SessionName] = []

    /// Sessions of nodes that are gone, which are this node's by now.
    var inherited = Inherited()

    /// Who would inherit from which node.
    var followings = Followings()

    /// When nodes were lost that can't be reached.
    var lostTicks: [UInt8: UInt64] = [:]

    /// Which clients are where, as far as other nodes have told.
    var told = ToldPlaces()

    /// Clients that want their sessions, which may be on nodes that have not told yet.
    var undecided: [UndecidedClaim] = []

    /// The same of clients whose owner is gone, and is about to be another node.
    var ownerless: [WaitingClaim] = []
    private var lastClaim: UInt64 = 0

    /// When those who wait for other nodes are looked at again.
    var nextLookTick: UInt64 = 0

    /// Counts of other nodes that are on their way to the disk.
    var countsUnderWay = CountsUnderWay()

    /// Messages that wait for one client that moves.
    static var heldMaximum: Int { 1_000 }

    /// Greater than that of every claim before: of this owner, and of those before it, as far as it has heard of them.
    mutating func nextNumber(of name: SessionName, under table: UInt64) -> UInt64 {
        let known = max(owned[name]?.number ?? 0, claims[name] ?? 0)
        lastClaim = max(lastClaim + 1, Self.firstNumber(under: table), known + 1)
        return lastClaim
    }

    /// Of the claims that are granted under that table.
    static func firstNumber(under table: UInt64) -> UInt64 { table << 32 }

    /// The move to that connection, which has ended.
    mutating func takeAbandoned(_ name: SessionName, _ by: DisplacedBy) -> AbandonedMove? {
        guard let index = abandoned[name]?.firstIndex(where: { $0.to == by }) else { return nil }
        let move = abandoned[name]?.remove(at: index)
        if abandoned[name]?.isEmpty == true { abandoned[name] = nil }
        return move
    }

    /// Keeps a message for a client that moves. False when too many wait.
    mutating func hold(_ message: HeldDownlink, for name: SessionName) -> Bool {
        guard let count = owned[name]?.move?.messages.count, count < Self.heldMaximum else {
            return false
        }
        owned[name]?.move?.messages.append(message)
        return true
    }
}

/// Devices' counts that other nodes have told, until the disk has them: a device may come here sooner.
struct CountsUnderWay {
    private var counts: [DeviceIdentity: (writes: Int, record: UsageRecord)] = [:]

    mutating func begin(_ entries: [UsageBatch.Entry]) {
        for entry in entries {
            counts[entry.device, default: (0, UsageRecord())].writes += 1
            counts[entry.device]?.record.record(entry.usage)
        }
    }

    /// The disk has them, or could not take them: then they are known here as long as this process lives.
    mutating func end(_ devices: [DeviceIdentity], isWritten: Bool) {
        guard isWritten else { return }
        for device in devices {
            counts[device]?.writes -= 1
            if counts[device]?.writes == 0 { counts[device] = nil }
        }
    }

    func days(of device: DeviceIdentity) -> [DayUsage] { counts[device]?.record.days ?? [] }
}

/// A message to a device that is changing nodes.
struct HeldDownlink {
    let message: Message
    let isRetained: Bool
    let device: DeviceIdentity
    let sender: DownlinkSender
}
