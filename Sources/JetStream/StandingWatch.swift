internal import Linux
internal import Replication
internal import Synchronization

/// Looks whether the log may be relied on: at the opening, on a schedule, and whenever the connection was lost,
/// on a thread of its own.
///
/// The servers are asked themselves (`StandingService`), on the log's own connection: so over the same TLS,
/// without a second set of credentials, and without a list of addresses that can grow old. The account of the gateway
/// imports this one service from the system account, which gives no other rights.
final class StandingWatch: Sendable {
    private let api: StreamAPI
    private let identity: StreamIdentity
    private let found: Mutex<Finding>
    private let worker = Worker("log-watch")

    /// What was found, and over which connection: how often that had been made again by then.
    private struct Finding {
        let standing: LogStanding
        let connection: NATSConnection
        let reconnects: UInt64
    }

    /// Asks for the first time, and throws when a server is too old.
    init(_ api: StreamAPI, _ identity: StreamIdentity) throws(JetStreamError) {
        self.api = api
        self.identity = identity
        let connection = api.link.connection
        let reconnects = connection.reconnects
        let report = Self.report(api, identity)
        if let tooOld = report.tooOld { throw tooOld }
        found = Mutex(
            Finding(standing: report.standing, connection: connection, reconnects: reconnects))
    }

    var standing: LogStanding {
        let connection = api.link.connection
        return switch api.link.isClosed ? .closed : connection.condition {
        case .connected where isOutdated(on: connection):
            .unreliable("the connection was lost, and the log's servers are being asked again")
        case .connected: found.withLock { $0.standing }
        case .lost: .unreliable("the connection to the log's servers is lost")
        case .closed where api.link.isClosed: .unreliable("the log is closed")
        case .closed: .unreliable("the log's servers don't let this gateway in any more")
        }
    }

    func start() throws(JetStreamError) { try worker.start { self.run() } }

    /// Waits until the thread has ended. The link is closed.
    func stop() { worker.join() }

    private func run() {
        var last = MonotonicInstant.now()
        while api.link.pause(milliseconds: 250) {
            // A refusal is tried again with the next turn.
            try? api.link.renew()
            let connection = api.link.connection
            let reconnects = connection.reconnects
            let isDue = MonotonicInstant.now().milliseconds(since: last) >= interval
            guard isDue || isOutdated(on: connection), connection.condition == .connected
            else { continue }
            let standing = Self.report(api, identity).standing
            let finding = Finding(
                standing: standing, connection: connection, reconnects: reconnects)
            found.withLock { $0 = finding }
            last = .now()
        }
    }

    /// Whether the servers may be others than those that were asked.
    private func isOutdated(on connection: NATSConnection) -> Bool {
        let finding = found.withLock { $0 }
        return finding.connection !== connection || finding.reconnects != connection.reconnects
    }

    /// Sooner again when something was found.
    private var interval: Int64 {
        let all = api.settings.checkMilliseconds
        return switch found.withLock({ $0.standing }) {
        case .reliable: all
        case .unreliable: min(all, 1_000)
        }
    }

    // MARK: What is found

    private struct Report {
        var standing: LogStanding
        var tooOld: JetStreamError?
    }

    private static func report(_ api: StreamAPI, _ identity: StreamIdentity) -> Report {
        let info: StreamInfo
        do throws(StreamAPI.Failure) {
            info = try api.info()
        } catch {
            return Report(standing: .unreliable("stream \(api.settings.stream): \(error.text)"))
        }
        if let why = fault(of: info, api.settings, identity) {
            return Report(standing: .unreliable("stream \(api.settings.stream) \(why)"))
        }
        do throws(NATSFailure) {
            let servers = try ask(Set(info.servers), api)
            return judge(servers, of: info, api.settings)
        } catch {
            let why = "the servers can't be asked whether they sync (\(error.text))"
            let cure = "the account has to import \(StandingService.subject) from the system's"
            return Report(standing: .unreliable("\(why): \(cure)"))
        }
    }

    private static func fault(
        of info: StreamInfo,
        _ settings: JetStreamSettings,
        _ identity: StreamIdentity
    ) -> String? {
        if info.leader == nil { return "has no leader" }
        if info.clusterID != identity.cluster { return "belongs to another cluster now" }
        if info.generation?.number != identity.generation {
            return "was begun anew: start this gateway again"
        }
        let differences = info.differences(from: settings)
        if !differences.isEmpty { return "is not safe: \(differences.joined(separator: "; "))" }
        guard info.servers.count < settings.replicas else { return nil }
        return "is on \(info.servers.count) servers, not on \(settings.replicas)"
    }

    /// What each server has said of itself.
    private struct Server {
        let name: String
        let version: String
        let isAlwaysSynced: Bool

        init?(_ answer: JSON?) {
            guard let name = answer?["server"]?["name"]?.text,
                let version = answer?["server"]?["ver"]?.text
            else { return nil }
            self.name = name
            self.version = version
            isAlwaysSynced = answer?["data"]?["config"]?["sync_always"]?.truth ?? false
        }
    }

    /// Asks all, and waits for those that have a replica, as long as one question may take.
    private static func ask(
        _ names: Set<String>,
        _ api: StreamAPI
    ) throws(NATSFailure) -> [Server] {
        let connection = api.link.connection
        let inbox = "_INBOX.\(RandomName.make())"
        let answers = try connection.subscribe(to: inbox)
        try connection.publish([], on: StandingService.subject, reply: inbox)
        let deadline = MonotonicInstant.now().adding(
            milliseconds: api.settings.requestMilliseconds)
        var found: [String: Server] = [:]
        while !names.isSubset(of: found.keys) {
            let left = deadline.milliseconds(since: .now())
            do throws(NATSFailure) {
                let answer = try answers.next(milliseconds: max(1, left))
                if let server = Server(JSON(answer.bytes)) { found[server.name] = server }
            } catch {
                guard error.kind == .timeout, !found.isEmpty else { throw error }
                break
            }
            if left <= 0 { break }
        }
        return found.values.filter { names.contains($0.name) }.sorted { $0.name < $1.name }
    }

    /// A server that is silent may be down, and then acknowledges nothing; so a majority that has answered
    /// is enough, as long as none of them is wrong.
    private static func judge(
        _ servers: [Server],
        of info: StreamInfo,
        _ settings: JetStreamSettings
    ) -> Report {
        for server in servers {
            if let version = ServerVersion(server.version), version >= .minimum { continue }
            let error = JetStreamError.tooOld(
                server: server.name, version: server.version, minimum: "\(ServerVersion.minimum)")
            return Report(standing: .unreliable("\(error)"), tooOld: error)
        }
        let careless = servers.filter { !$0.isAlwaysSynced }.map(\.name)
        if !careless.isEmpty {
            let names = careless.joined(separator: ", ")
            return Report(
                standing: .unreliable("no `sync_interval: always` in the configuration of \(names)")
            )
        }
        guard servers.count <= info.servers.count / 2 else { return Report(standing: .reliable) }
        let count = "\(servers.count) of the \(info.servers.count) servers"
        return Report(standing: .unreliable("only \(count) with stream \(settings.stream) answer"))
    }
}
