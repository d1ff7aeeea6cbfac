import Bytes
import Cryptography
import Ledger
import Linux
import MessageLog
import Metering
import Reactor
import Replication
import Sessions
import Storage
import TLS
import Time

/// What a gateway stands on, laid before its first thread runs: directories, stores, keys,
/// certificates, sockets. Failing at any point leaves nothing behind but files.
struct Foundations {
    let configuration: GatewayConfiguration
    let time: TimeSource
    let commons: GatewayCommons
    let counters: [ShardCounters]
    let secretKeys: SecretKeys
    let ticketSecret: TicketSecret
    let tickets: TicketKeys
    let addresses: [String: SocketAddress]
    let descriptors: DescriptorBudget
    let certificates: [CertificateValidity]
    let membership: ClusterMembership?
    private let sockets: [[ListeningSocket]]

    /// Connections that may wait at a listener to be accepted.
    private static var backlog: Int32 { 4_096 }

    /// - Parameters:
    ///   - membership: makes the gateway a node of a cluster, whose books change through its log.
    ///   - retained: what the nodes have retained.
    ///   - uplink: the streams that products can name.
    init(
        _ configuration: GatewayConfiguration,
        in membership: ClusterMembership?,
        hasLinks: Bool,
        retained: (any LatestRecords)?,
        uplink: (any UplinkStreams)?,
        time: TimeSource,
        log: GatewayLog?
    ) throws(GatewayError) {
        do throws(ConfigurationProblem) {
            try configuration.validate()
        } catch {
            throw .configuration(error)
        }
        self.configuration = configuration
        self.membership = membership
        self.time = time
        let shards =
            configuration.shards == 0 ? Thread.availableProcessors.count : configuration.shards
        descriptors = try DescriptorBudget.taken(for: configuration, shards: shards, log)
        let secrets = SecretsDirectory(of: configuration)
        try Self.prepareDirectories(configuration.data, secrets)
        let bound = try Self.bind(configuration.listeners, shards: shards)
        sockets = bound.sockets
        addresses = bound.addresses
        counters = (0..<shards).map { _ in ShardCounters() }
        let commons = try Self.commons(
            configuration, membership, hasLinks: hasLinks, retained, uplink, descriptors,
            time: time, shards: shards, log: log)
        let known = try Self.sealingKeys(of: commons.ledger, configuration.data)
        secretKeys = try Self.openSecretKeys(secrets, known, data: configuration.data)
        try Self.prepareBooks(commons, configuration)
        try Self.adopt(secretKeys, of: secrets.keyFile, commons, configuration.data)
        try Self.beginSessions(commons, configuration)
        ticketSecret = Self.openTicketSecret(secrets, log)
        self.commons = commons.with(firmwareOf: configuration, ticketSecret)
        tickets = TicketKeys(
            secret: ticketSecret.bytes,
            periodSeconds: Int64(configuration.tls.ticketRotationHours) * 3_600,
            at: time.wall.milliseconds / 1_000)
        certificates = try Self.certificates(configuration)
        Self.say(certificates, at: time.wall, configuration.tls.expiryWarningDays, to: log)
    }

    // MARK: Files

    /// Makes the data directory. The secrets directory is made when it is known that nothing is
    /// missing from it.
    private static func prepareDirectories(
        _ data: String,
        _ secrets: SecretsDirectory
    ) throws(GatewayError) {
        do throws(FileError) {
            try FileSystem.createDirectory(data, mode: 0o700)
        } catch {
            throw .file(error)
        }
        do throws(SecretsProblem) {
            try secrets.require(outside: data)
        } catch {
            throw .secrets(error)
        }
    }

    /// The keys that the books were written with.
    private static func sealingKeys(
        of ledger: Ledger, _ data: String
    ) throws(GatewayError) -> [SealingKey] {
        do throws(StoreError) {
            return try ledger.read { books, transaction throws(StoreError) in
                try books.sealingKeys(in: transaction)
            }
        } catch {
            throw .store("\(data)/ledger", error)
        }
    }

    /// Reads the keys that secrets are sealed with, or makes the first one. Throws, having made nothing,
    /// when they are not those that the books know.
    private static func openSecretKeys(
        _ secrets: SecretsDirectory,
        _ known: [SealingKey],
        data: String
    ) throws(GatewayError) -> SecretKeys {
        let loaded = try SecretKeys.loaded(from: secrets.keyFile)
        let keys = loaded ?? SecretKeys()
        do throws(SecretsProblem) {
            if loaded == nil, !known.isEmpty {
                throw SecretKeys.missing(secrets.keyFile, data: data)
            }
            try keys.require(known, in: secrets.keyFile, data: data)
        } catch {
            throw .secrets(error)
        }
        do throws(FileError) {
            try secrets.create()
            if loaded == nil { try keys.save(to: secrets.keyFile) }
        } catch {
            throw .file(error)
        }
        return keys
    }

    /// Tells the books of keys that are new to them. A node has applied the log to its end by now: throws when the others
    /// seal with keys that the file does not have.
    private static func adopt(
        _ keys: SecretKeys,
        of file: String,
        _ commons: GatewayCommons,
        _ data: String
    ) throws(GatewayError) {
        let known = try sealingKeys(of: commons.ledger, data)
        if keys.fingerprints.count > known.count {
            do throws(StoreError) {
                // Refused when another node was first with another key of that number: found out below.
                _ = try commons.ledger.carryOutAtStart(
                    .keys(.adoptSealingKeys(keys.fingerprints)), at: commons.clock.now)
            } catch {
                throw .store("\(data)/ledger", error)
            }
        }
        let adopted = try sealingKeys(of: commons.ledger, data)
        do throws(SecretsProblem) {
            try keys.require(adopted, in: file, data: data)
        } catch {
            throw .secrets(error)
        }
    }

    /// Reads, or makes, what the keys of the session tickets are derived from. Not to have it costs full handshakes,
    /// not service.
    private static func openTicketSecret(
        _ secrets: SecretsDirectory, _ log: GatewayLog?
    ) -> TicketSecret {
        do throws(FileError) {
            try FileSystem.remove(secrets.oldTicketFile)
        } catch {
            log?.say(.warning, "the old ticket keys can't be removed", .init("error", "\(error)"))
        }
        do throws(GatewayError) {
            return try TicketSecret.opened(in: secrets)
        } catch {
            log?.say(
                .warning,
                "the ticket key can't be used: every client shakes hands in full after a restart",
                .init("error", "\(error)"))
            return TicketSecret.made()
        }
    }

    // MARK: Sockets

    /// For each shard a socket at each listener's address. The first shard's chooses the port where
    /// the configuration leaves it open; it has the port for itself until it shares it with the others',
    /// so that a second gateway gets none of them.
    private static func bind(
        _ listeners: [GatewayConfiguration.Listener],
        shards: Int
    ) throws(GatewayError) -> (sockets: [[ListeningSocket]], addresses: [String: SocketAddress]) {
        var sockets: [[ListeningSocket]] = Array(repeating: [], count: shards)
        var addresses: [String: SocketAddress] = [:]
        for (index, listener) in listeners.enumerated() {
            guard let address = IPAddress(listener.address) else {
                throw .configuration(
                    ConfigurationProblem(
                        path: "listeners[\(index)].address",
                        reason: "'\(listener.address)' is not an IP address"))
            }
            var bound = SocketAddress(address, port: UInt16(listener.port))
            for shard in 0..<shards {
                do throws(Errno) {
                    let descriptor = try SocketHandle.listen(
                        at: bound,
                        reusePort: shard > 0,
                        backlog: backlog
                    )
                    if shard == 0, shards > 1 { try descriptor.socket.sharePort() }
                    bound = try descriptor.socket.localAddress()
                    sockets[shard].append(ListeningSocket(descriptor))
                } catch {
                    throw .listener(name: listener.name, address: "\(bound)", error)
                }
            }
            addresses[listener.name] = bound
        }
        return (sockets, addresses)
    }

    // MARK: Commons

    private static func commons(
        _ configuration: GatewayConfiguration,
        _ membership: ClusterMembership?,
        hasLinks: Bool,
        _ records: (any LatestRecords)?,
        _ uplink: (any UplinkStreams)?,
        _ descriptors: DescriptorBudget,
        time: TimeSource,
        shards: Int,
        log: GatewayLog?
    ) throws(GatewayError) -> GatewayCommons {
        let mailboxes: [Mailbox<ShardMessage>]
        do throws(Errno) {
            var made: [Mailbox<ShardMessage>] = []
            for _ in 0..<shards { made.append(try Mailbox()) }
            mailboxes = made
        } catch {
            throw .system("eventfd", error)
        }
        var shared = configuration.limits
        shared.connections = descriptors.connections
        let limits = ShardLimits(
            shared, descriptors: descriptors.clients, shards: shards, configuration.ledgerPatience)
        let (usage, sessions, retained) = try openUsage(
            configuration, records, shards: shards, log: log)
        let ledger = try openLedger(configuration, membership, shards: shards)
        var neighbours: Neighbours?
        if hasLinks, let membership {
            do throws(StoreError) {
                neighbours = Neighbours(
                    membership.node, mailboxes, life: try sessions.beginForwarding(), log)
            } catch {
                throw .store("\(configuration.data)/usage", error)
            }
        }
        let clock = BooksClock(
            time, aheadHours: configuration.activation.clockAheadHours, log: log)
        let messages = MessageLog.opened(configuration, clock, time, log)
        let leader = neighbours.map { SessionLeader(sessions, ledger, clock, $0, log) }
        let commons = GatewayCommons(
            node: membership?.node ?? .alone,
            mailboxes: mailboxes,
            neighbours: neighbours,
            log: log,
            heartbeats: Heartbeats(shards: shards, at: time.monotonic),
            wrongSecrets: WrongSecrets(limits.failures),
            clock: clock,
            ledger: ledger,
            usage: usage,
            sessions: sessions,
            sessionLeader: leader,
            retained: retained,
            uplink: Uplink(uplink, log: log),
            messageLog: messages,
            dataCentre: configuration.home,
            listeners: configuration.listeners.map { ListenerTraits($0, of: configuration) },
            limits: limits,
            homes: Homes(shards: shards),
            messageUnit: MessageUnit(bytes: configuration.metering.unitBytes),
            flushIntervalMilliseconds: Int64(configuration.metering.flushIntervalSeconds) * 1_000,
            timestampWindowMilliseconds:
                Int64(configuration.activation.timestampWindowSeconds) * 1_000,
            drainStep: 64
        )
        commons.storeWatch.watch("ledger", ledger.environment, log)
        commons.storeWatch.watch("usage", usage.shared.environment, log)
        return commons
    }

    /// Holds the clock against the books, before anything is written with its time (rule B16), and
    /// tells them the limits (rule A12). A full disk does not stop the start: `upkeep` tells them again.
    private static func prepareBooks(
        _ commons: GatewayCommons,
        _ configuration: GatewayConfiguration
    ) throws(GatewayError) {
        do throws(StoreError) {
            try commons.clock.begin(with: commons.ledger)
        } catch {
            throw .store("\(configuration.data)/ledger", error)
        }
        do throws(StoreError) {
            _ = try commons.ledger.carryOutAtStart(
                .limits(.adopt(configuration.limits.ofBooks)), at: commons.clock.now)
            _ = try commons.ledger.carryOutAtStart(
                .alerts(.adopt(configuration.alertSettings)), at: commons.clock.now)
        } catch {
            commons.log?.say(
                .warning, "the books can't be told their limits now", .init("error", "\(error)"))
        }
    }

    private static func openLedger(
        _ configuration: GatewayConfiguration,
        _ membership: ClusterMembership?,
        shards: Int
    ) throws(GatewayError) -> Ledger {
        let path = "\(configuration.data)/ledger"
        do throws(StoreError) {
            let ledger = try Ledger(
                directory: path,
                mapSizeBytes: configuration.storage.ledgerMapBytes,
                maximumMapSizeBytes: configuration.storage.ledgerMapMaximumBytes,
                maximumReaders: shards + 126,
                membership: membership
            )
            let cluster = try ledger.read { books, transaction throws(StoreError) in
                try books.cluster(in: transaction)
            }
            guard let cluster, membership == nil else { return ledger }
            throw StoreError.stopped(
                why:
                    "the books are cluster \(cluster)'s, and the configuration has no cluster section"
            )
        } catch {
            throw .store(path, error)
        }
    }

    /// The counts, the sessions and the retained messages, which share an environment.
    private static func openUsage(
        _ configuration: GatewayConfiguration,
        _ records: (any LatestRecords)?,
        shards: Int,
        log: GatewayLog?
    ) throws(GatewayError) -> (UsageStore, SessionStore, RetainedMessageStore) {
        let path = "\(configuration.data)/usage"
        do throws(StoreError) {
            let shared = try SharedEnvironment(
                path: path,
                mapSizeBytes: configuration.storage.usageMapBytes,
                maximumMapSizeBytes: configuration.storage.usageMapMaximumBytes,
                maximumReaders: 2 * shards + 126
            )
            try Stores.usageFormat.migrate(shared.environment)
            let limits = RetainedLimits(
                messages: configuration.limits.retainedMessages,
                bytes: configuration.limits.retainedBytes
            )
            return (
                try UsageStore(in: shared), try SessionStore(in: shared),
                try RetainedMessageStore(in: shared, limits: limits, following: records, log: log)
            )
        } catch {
            throw .store(path, error)
        }
    }

    // MARK: Threads

    /// `nil` of a gateway alone.
    func clusterWatch() throws(GatewayError) -> ClusterWatch? {
        guard let membership else { return nil }
        do throws(Errno) {
            return try ClusterWatch(membership, commons.ledger)
        } catch {
            throw .system("starting a thread", error)
        }
    }

    /// What an earlier run of this node leased of top-up packs and did not settle counts as used (rule C6): the
    /// shards' own leases come after this. A ledger that can't write keeps the leases open, and
    /// grants none: the next start abandons them.
    private func abandonLeases() {
        let action = Action.topUps(.abandon(holder: commons.leaseHolder, limit: 1_000))
        while true {
            do throws(StoreError) {
                let outcome = try commons.ledger.carryOutAtStart(action, at: time.wall)
                guard case .ended(_, more: true) = outcome.effect else { return }
            } catch {
                commons.log?.say(
                    .error, "leases of an earlier run can't be abandoned now",
                    .init("error", "\(error)"))
                return
            }
        }
    }

    /// Makes every shard, and when all could be made, starts them.
    func startShards() throws(GatewayError) -> [Thread] {
        abandonLeases()
        try readUplinkNames()
        commons.sessions.sweepRemovals()
        let needsTLS = configuration.listeners.contains(where: \.tls)
        let contexts =
            needsTLS
            ? try Self.contexts(
                configuration, tickets, count: commons.mailboxes.count, commons.log)
            : []
        var parcels: [Parcel<Shard>] = []
        for index in commons.mailboxes.indices {
            parcels.append(Parcel(try makeShard(index, needsTLS ? contexts[index] : nil)))
        }
        do throws(Errno) {
            try commons.log?.start()
            try commons.retained.start()
            try commons.uplink.start()
            try commons.messageLog?.start()
        } catch {
            throw .system("starting a thread", error)
        }
        var threads: [Thread] = []
        for (index, parcel) in parcels.enumerated() {
            do throws(Errno) {
                let thread = try Thread(name: "shard-\(index)") {
                    guard var shard = parcel.take() else { return }
                    shard.run()
                }
                threads.append(thread)
            } catch {
                for mailbox in commons.mailboxes { mailbox.post(.stop) }
                for thread in threads { thread.join() }
                commons.retained.stop()
                commons.uplink.stop()
                commons.messageLog?.stop()
                throw .system("starting a thread", error)
            }
        }
        return threads
    }

    /// Once each event is heard as it comes: none falls in between.
    func catchUpWithDeletions() throws(GatewayError) {
        do throws(StoreError) {
            try commons.messageLog?.catchUp(with: commons.ledger)
        } catch {
            throw .store("\(configuration.data)/ledger", error)
        }
    }

    private func readUplinkNames() throws(GatewayError) {
        do throws(StoreError) {
            try commons.uplink.readNames(in: commons.ledger)
        } catch {
            throw .store("\(configuration.data)/ledger", error)
        }
    }

    private func makeShard(
        _ index: Int,
        _ contexts: ListenerContexts?
    ) throws(GatewayError) -> sending Shard {
        let sealer: SecretSealer
        do throws(CryptoError) {
            sealer = try secretKeys.sealer()
        } catch {
            throw .crypto(error)
        }
        do throws(StoreError) {
            let reader = try commons.ledger.reader()
            let sessions = try commons.sessions.reader()
            let retained = try commons.retained.reader()
            var shard = Shard(
                index: index,
                commons: commons,
                counters: counters[index],
                listeners: sockets[index],
                tlsContexts: contexts,
                books: reader,
                secrets: sealer,
                sessionReader: sessions,
                retainedReader: retained,
                time: time
            )
            try shard.broker.loadApplications(in: &shard.context)
            try shard.broker.loadPlaces(in: &shard.context)
            try shard.broker.loadForwards(in: &shard.context)
            try shard.broker.loadFiltersElsewhere(in: &shard.context)
            return shard
        } catch {
            throw .store("\(configuration.data)/ledger", error)
        }
    }
}
