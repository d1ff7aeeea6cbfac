import Linux

/// How the descriptors that the process may have open are shared out: to clients, to HTTP, and the rest to
/// the stores and the threads, which must never be without.
public struct DescriptorBudget: Equatable, Sendable {
    /// What the process may have open (`RLIMIT_NOFILE`).
    public let limit: Int

    /// Connections of clients at most: `limits.connections`, or fewer where the limit leaves no room.
    public let connections: Int

    /// What clients' connections and their children's may take together: a child has a second one, at its parent's end.
    public let clients: Int

    /// Connections of the HTTP side at most: `admin.connections`, or an eighth of the limit.
    public let httpConnections: Int

    /// What the configuration asks for.
    public let configuredConnections: Int

    /// Whether the limit leaves fewer connections than are configured.
    public var isShort: Bool { connections < configuredConnections }

    /// The stores, the log, certificates being read, backups and imports, and what libraries open.
    private static var storesAndFiles: Int { 64 }

    /// A thread's epoll and what wakes it, the timer of one of HTTP's, the spare descriptor of a shard's.
    private static var perThread: Int { 4 }

    /// Fewer are not worth a start.
    private static var connectionsMinimum: Int { 16 }

    /// Throws when the limit leaves no room for clients.
    init(
        limit: Int,
        _ configuration: GatewayConfiguration,
        shards: Int
    ) throws(GatewayError) {
        let httpThreads = Thread.availableProcessors.count
        let own =
            Self.storesAndFiles + Self.perThread * (shards + httpThreads)
            + shards * configuration.listeners.count
        let monitoring =
            configuration.monitoring.address == nil
            ? 0 : GatewayConfiguration.Monitoring.connections + 1
        let http = min(configuration.admin.connections, max(8, limit / 8))
        let left = limit - own - http - monitoring
        let configured = configuration.limits.connections
        guard left >= min(configured, Self.connectionsMinimum) else {
            throw .descriptors(
                limit: limit, needed: own + http + monitoring + Self.connectionsMinimum)
        }
        self.limit = limit
        connections = min(configured, left)
        clients = left
        httpConnections = http
        configuredConnections = configured
    }

    /// As many as the hard limit allows, and what that makes of the configuration.
    static func taken(
        for configuration: GatewayConfiguration,
        shards: Int,
        _ log: GatewayLog?
    ) throws(GatewayError) -> DescriptorBudget {
        let limit: Int
        do throws(Errno) {
            limit = try ProcessLimits.raiseOpenFiles(to: .max)
        } catch {
            throw .system("the limit of open files", error)
        }
        let budget = try DescriptorBudget(limit: limit, configuration, shards: shards)
        budget.say(to: log)
        return budget
    }

    private func say(to log: GatewayLog?) {
        log?.say(
            isShort ? .warning : .info,
            isShort
                ? "limits.connections is more than the limit of open files leaves room for"
                : "connections and open files",
            .init("open-files", "\(limit)"),
            .init("configured", "\(configuredConnections)"),
            .init("connections", "\(connections)"),
            .init("http-connections", "\(httpConnections)"))
    }
}
