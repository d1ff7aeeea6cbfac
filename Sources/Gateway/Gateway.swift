public import Ledger
public import Links
public import Linux
import MessageLog
public import Metering
public import Reactor
public import Replication
public import Sessions
import Storage
import Synchronization
import TLS
public import Time

/// A running gateway: its shards, its stores, and the doors that people and programs reach them
/// by (`ControlPlane`).
///
/// `start` returns when clients can connect; `drain` tells them to go, brings everything to disk and
/// returns when the last thread has ended.
public final class Gateway: Sendable {
    public let configuration: GatewayConfiguration

    /// The books. The shards hear of each change that is applied to them.
    public let ledger: Ledger
    public let usage: UsageStore

    /// Beside the counts, in their environment.
    public let sessions: SessionStore

    /// What secrets in commands are sealed with.
    public let secretKeys: SecretKeys

    /// Copies of both stores, while they are read and written.
    public let backups: Backups

    /// Where each listener is, by its name; a port 0 in the configuration is a real one here.
    public let addresses: [String: SocketAddress]

    /// What the limit of open files makes of the configuration.
    public let descriptors: DescriptorBudget
    let time: TimeSource
    let commons: GatewayCommons
    let counters: [ShardCounters]
    let feedRelays = FeedRelays()
    let tickets: TicketKeys

    /// Tells whether other gateways can open this one's session tickets.
    public let ticketFingerprint: String
    let condition = Mutex(Condition.running)

    /// Where listeners with `shareWithAPI` leave connections of HTTP.
    public var sharedPort: SharedPort { commons.sharedPort }

    /// What the files said when they were last read.
    let certificateFiles: Mutex<[CertificateValidity]>
    let stagedDevices: StagedDeviceMover

    let images: ImageKeeper

    /// What waits in sessions, and what each shard has, for pages of metrics.
    let queues = LatestAnswer(before: QueuesSeen())
    let gauges: [LatestAnswer<ShardGauges>]

    /// Of a node of a cluster.
    let clusterWatch: ClusterWatch?

    /// Tells this run of the gateway from those before it: an import that one of them was receiving
    /// will not be carried on with.
    public let run: GatewayRun
    private let shards: [Thread]
    private let ownerKeeper: OwnerKeeper?
    private let followKeeper: FollowKeeper?
    let authorityKeeper: AuthorityKeeper
    private let startedAt: Timestamp

    enum Condition: Sendable {
        case running, draining, stopped
    }

    /// What this node keeps of other nodes' stored sessions.
    var sessionFollower: SessionFollower? { followKeeper?.follower }

    var stores: Stores {
        var stores = Stores(ledger: ledger, usage: usage, sessions: sessions)
        stores.copies = followKeeper?.follower.stores ?? [:]
        stores.messages = configuration.messageLogPath
        if configuration.offersFirmware { stores.images = configuration.firmwareFiles }
        return stores
    }

    /// Opens the stores, binds the listeners and starts the shards, and the log, which `drain` ends.
    ///
    /// Throws before anything is running that would have to be stopped.
    public static func start(
        _ configuration: GatewayConfiguration,
        time: TimeSource = .system,
        log: GatewayLog? = nil
    ) throws(GatewayError) -> Gateway {
        try start(configuration, in: nil, time: time, log: log)
    }

    /// The same of a node of a cluster, whose log and records the caller closes when the gateway has drained.
    ///
    /// - Parameters:
    ///   - retained: where the nodes have their retained messages in common.
    ///   - uplink: the streams that products can name; of a gateway alone, too.
    public static func start(
        _ configuration: GatewayConfiguration,
        in membership: ClusterMembership?,
        over transport: (any PeerTransport)? = nil,
        retained: (any LatestRecords)? = nil,
        uplink: (any UplinkStreams)? = nil,
        time: TimeSource = .system,
        log: GatewayLog? = nil
    ) throws(GatewayError) -> Gateway {
        do throws(GatewayError) {
            return try Gateway(
                Foundations(
                    configuration, in: membership, hasLinks: transport != nil,
                    retained: retained, uplink: uplink, time: time, log: log),
                membership, over: transport)
        } catch {
            log?.stop()
            throw error
        }
    }

    private init(
        _ foundations: Foundations, _ membership: ClusterMembership?,
        over transport: (any PeerTransport)?
    ) throws(GatewayError) {
        configuration = foundations.configuration
        ledger = foundations.commons.ledger
        usage = foundations.commons.usage
        sessions = foundations.commons.sessions
        let clock = foundations.time
        var copied = Stores(ledger: ledger, usage: usage, sessions: sessions)
        copied.images = foundations.commons.firmwareFiles
        backups = Backups(
            of: copied,
            in: BackupPlaces(of: foundations.configuration),
            log: foundations.commons.log
        ) { clock.wall }
        addresses = foundations.addresses
        descriptors = foundations.descriptors
        certificateFiles = Mutex(foundations.certificates)
        time = foundations.time
        commons = foundations.commons
        run = GatewayRun(node: commons.node, number: .random(in: 1...UInt64.max))
        counters = foundations.counters
        gauges = commons.mailboxes.map { _ in LatestAnswer(before: ShardGauges()) }
        secretKeys = foundations.secretKeys
        tickets = foundations.tickets
        ticketFingerprint = foundations.ticketSecret.fingerprint
        startedAt = foundations.time.wall
        stagedDevices = StagedDeviceMover(
            ledger: foundations.commons.ledger, time: foundations.time,
            log: foundations.commons.log)
        let images = ImageKeeper(
            foundations.commons.firmwareFiles, hasPeers: foundations.commons.neighbours != nil)
        self.images = images
        // Weak: the ledger would keep itself open.
        let notices = ChangeNotices(foundations.commons) { [weak stagedDevices] in
            if let stagedDevices { Task { await stagedDevices.moveAll() } }
        }
        let watch = try foundations.clusterWatch()
        clusterWatch = watch
        let uplink = foundations.commons.uplink
        let messages = foundations.commons.messageLog
        let authorities = AuthorityKeeper(foundations.commons)
        authorityKeeper = authorities
        foundations.commons.ledger.observe { [weak ledger = foundations.commons.ledger] event in
            messages?.hear(event)
            messages?.hasHeard(event.sequence)
            notices.tell(event.change)
            images.hear(event.change)
            watch?.hear(event)
            if event.change.mayNameUplink, let ledger { uplink.hearOfNames(in: ledger) }
            if let ledger { authorities.hear(event, in: ledger) }
        }
        authorities.tell(in: foundations.commons.ledger)
        try foundations.catchUpWithDeletions()
        shards = try foundations.startShards()
        followKeeper = try foundations.followSessions()
        let followers = followKeeper
        foundations.commons.ledger.observe { [weak followers] event in
            if event.change.isOfSessionFollowing { followers?.hear(.changed) }
        }
        ownerKeeper = try foundations.openLinks(membership, over: transport)
    }

    /// When the gateway was started.
    public var runningSince: Timestamp { startedAt }

    /// The wall clock that the gateway goes by.
    public var now: Timestamp { time.wall }

    /// Has every shard look at the clock, after a test has moved a manual one.
    public func clockMoved() {
        for mailbox in commons.mailboxes { mailbox.post(.tick) }
    }

    /// Waits until a store is lost, which can neither be read nor written any more until the process is started
    /// anew: a sentence that says so. `nil` when the gateway has drained.
    public func storeLoss() async -> String? { await commons.storeWatch.loss() }

    /// Whether what `storeLoss` says is no fault: other nodes have taken over what this one had, and it begins anew with
    /// nothing of that.
    public var beginsAnew: Bool { commons.storeWatch.beginsAnew }

    /// Stops accepting, tells the clients, flushes counters, and closes the stores. Later calls
    /// return at once. Answers what the stores could not be given.
    @discardableResult
    public func drain() async -> DrainOutcome {
        let isFirst = condition.withLock { condition in
            guard case .running = condition else { return false }
            condition = .draining
            return true
        }
        guard isFirst else { return commons.leftovers.sum }
        for mailbox in commons.mailboxes { mailbox.post(.drain) }
        // Joining blocks, so it has a thread of its own rather than one of the pool's.
        let remains = Parcel(
            Remains(
                shards: shards, ownerKeeper: ownerKeeper, followKeeper: followKeeper,
                neighbours: commons.neighbours,
                retained: commons.retained, uplink: commons.uplink,
                messageLog: commons.messageLog, usage: usage, ledger: ledger,
                backups: backups,
                clusterWatch: clusterWatch,
                leftovers: commons.leftovers, log: commons.log))
        await withCheckedContinuation { continuation in
            let finish = {
                Self.finish(remains)
                continuation.resume()
            }
            do {
                _ = try Thread(name: "drain", body: finish)
            } catch {
                preconditionFailure("no thread to drain with: \(error)")
            }
        }
        condition.withLock { $0 = .stopped }
        answerLateQuestions()
        commons.storeWatch.end()
        return commons.leftovers.sum
    }

    /// When this returns, nothing of the stores is held here: they may be opened again.
    private static func finish(_ remains: Parcel<Remains>) {
        guard let remains = remains.take() else { return }
        remains.backups.stop()
        remains.clusterWatch?.stop()
        remains.ownerKeeper?.stop()
        for shard in remains.shards { shard.join() }
        remains.messageLog?.stop()
        remains.followKeeper?.leave()
        remains.neighbours?.close()
        remains.followKeeper?.close()
        remains.retained.stop()
        remains.uplink.stop()
        remains.usage.shutdown()
        remains.ledger.shutdown()
        tell(remains.leftovers.sum, remains.log)
        remains.log?.stop()
    }

    private static func tell(_ outcome: DrainOutcome, _ log: GatewayLog?) {
        guard !outcome.isComplete else { return }
        log?.say(
            .error, "not everything could be brought to the stores",
            .init("counts", "\(outcome.counts)"), .init("leases", "\(outcome.leases)"),
            .init("session-changes", "\(outcome.sessionChanges)"))
    }

    /// What `finish` ends, in this order.
    private struct Remains {
        let shards: [Thread]
        let ownerKeeper: OwnerKeeper?
        let followKeeper: FollowKeeper?
        let neighbours: Neighbours?
        let retained: RetainedMessageStore
        let uplink: Uplink
        let messageLog: MessageLog?
        let usage: UsageStore
        let ledger: Ledger
        let backups: Backups
        let clusterWatch: ClusterWatch?
        let leftovers: Leftovers
        let log: GatewayLog?
    }

    /// Questions that came when a shard had ended already: nobody is connected any more.
    private func answerLateQuestions() {
        var late: [ShardMessage] = []
        for mailbox in commons.mailboxes {
            mailbox.drain(into: &late)
            for case .ask(let question) in late { question.answerOfNobody() }
        }
    }

    /// Reads certificate and key again and gives them to the shards (SIGHUP). Connections keep what
    /// they have; on an error everything stays as it was.
    public func reloadCertificates() throws(GatewayError) {
        guard configuration.listeners.contains(where: \.tls) else { return }
        // All of them first: the files may be changing right now.
        let contexts = try Foundations.contexts(
            configuration, tickets, count: commons.mailboxes.count, commons.log)
        let files = try Foundations.certificates(configuration)
        certificateFiles.withLock { $0 = files }
        sayCertificates()
        for (mailbox, contexts) in zip(commons.mailboxes, contexts) {
            mailbox.post(.contextsReplaced(contexts))
        }
    }
}
