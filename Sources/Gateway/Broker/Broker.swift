import Ledger
import Linux
import MQTT
import Reactor
import Sessions
import Storage
import Synchronization
import Time

/// The MQTT of one shard's clients: their sessions and queues, the topic trees, retained messages, and what
/// is written of all that.
///
/// Its verbs work on the connections of the shard's `Wire` and charge its `Quota`; both come in with the
/// `ShardContext`. Of a PUBLISH they answer what has become of it and what its acknowledgement waits for
/// (`Publication`), of a delivery a `DeliveryOutcome`. Only the files of this folder name the fields.
struct Broker: ~Copyable {
    // Sessions.
    var sessions: SlotMap<Session>

    /// The sessions of clients, connected or away, by the clients' names.
    var clients = SlotIndex()
    var absentSessions = 0

    /// Places held for clients that wait for the ledger to admit them.
    var reservedSessions = 0

    /// The ends of absent clients' sessions and their wills, by the session's slot.
    var sessionWheel: TimerWheel

    // Stored sessions.
    var sessionReader: SessionReader
    var sessionWrites = SessionWrites()

    /// Names of sessions whose removal is not on disk yet, and how many removals of each.
    var removedSessions: [SessionName: Int] = [:]
    var nextSessionSweep: MonotonicInstant
    let startedWall: Timestamp

    /// QoS 2 messages of stored sessions that wait for other shards' parts of their commits.
    var gathers: [Gather] = []

    // Routing.
    var subscriptions: TopicTree

    /// In a cluster: the filters of this shard's own sessions, and those that other nodes' shards have told.
    var own: TopicTree
    var filtersElsewhere: [SessionAddress: FiltersElsewhere] = [:]
    var confirmations: [PendingSubscribe] = []

    /// Scratch memory: who gets the message that is being routed.
    var matches = Matches()

    /// The topic of a device's own that was published to last, and its name here.
    var ownName = OwnTopicName()

    /// Connections that wait for their devices' rates.
    var delayed = DelayedPublishers()

    /// How often devices have asked for their upgrades, and reported on them.
    var firmwarePaces = BoundedTable<DeviceIdentity, StatePace>(limit: 65_536)

    /// Devices whose states are being changed.
    var states = DeviceStates()

    /// The message that is being delivered to many, encoded.
    var fanOut = PublishFanOut()
    var isFanningOut = false

    // Messages between nodes that are kept until they have arrived, and those that are being taken.
    var forwards: Forwards
    var forwardsRefused: [(ForwardNumber, NodeMail.Target)] = []
    var takings: Set<ForwardTaking> = []

    /// Nodes that can't be reached, and that something was written for in this turn.
    var keptForAway: Set<UInt8> = []

    /// Nodes whose sessions this process has taken over, as it numbers them.
    var inheritedNodes: Set<UInt8> = []

    /// What such nodes have kept for this one, and could not be written.
    var keepsRefused: [InheritedKeep] = []

    /// The first lives of nodes of which they keep anything, as they have said.
    var firstLives: [NodeName: UInt64] = [:]

    /// What others have sent instead of a node that is gone, and that it may send once more.
    var settledByHeirs: [NodeName: [ForwardNumber]] = [:]

    /// What is kept for nodes that are back, and whose sessions another one has by now, which is yet to say so: nothing is
    /// sent to them meanwhile.
    var heldForwards: [UInt8: HeldForwards] = [:]

    /// What was kept for a node whose sessions are this one's by now, until all shards have it.
    var handingOut: [ForwardNumber: HandingOut] = [:]

    // Retained messages.
    var retainedReader: CachedReader
    var retainedRequests: [RetainedRequest] = []
    var passes: [Pass] = []
    var lastPass: UInt64 = 0

    /// Who publishes faster than applications read.
    var pace = Pace()

    /// Sessions whose next message neither the allowance nor a pack covers.
    var quotaWaiters: [Token] = []

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    /// A broker without sessions; `loadApplications` follows. `shard`: which replica of the topic tree it is.
    init(
        sessionLimit: Int,
        shard: Int,
        sessionReader: consuming SessionReader,
        retainedReader: consuming CachedReader,
        forwardingLife: UInt64,
        at time: ShardTime
    ) {
        sessions = SlotMap(limit: sessionLimit)
        sessionWheel = TimerWheel(limit: sessionLimit)
        subscriptions = TopicTree(seed: .random(in: .min ... .max), shard: shard)
        own = TopicTree(seed: .random(in: .min ... .max), shard: shard)
        forwards = Forwards(life: forwardingLife, shard: shard)
        self.sessionReader = sessionReader
        self.retainedReader = retainedReader
        nextSessionSweep = time.monotonic
        startedWall = time.wall
    }

    // MARK: Figures

    var sessionCount: Int { sessions.count }

    /// Sessions of clients that are connected.
    var connectedCount: Int { sessions.count - absentSessions }
    var subscriptionCount: Int { subscriptions.count }

    /// Nothing waits to be written.
    var isSettled: Bool { sessionWrites.isSettled }

    /// Changes of stored sessions that are not on disk.
    var unwrittenChanges: Int { sessionWrites.count }

    /// Messages that are kept for other nodes.
    var forwardCount: Int { forwards.count }

    /// The next tick at which a timer of an absent client is due.
    var nextTimerEvent: UInt64? { sessionWheel.nextEvent }

    /// When writes that failed are tried again.
    var nextRetry: MonotonicInstant? { sessionWrites.nextRetry }

    /// Whether messages wait for another allowance.
    var hasQuotaWaiters: Bool { !quotaWaiters.isEmpty }
}
