import Gateway
import Ledger
import MessageLog
import Metering
import Sessions
import Storage
import Synchronization
import Time

/// The data plane's part for tests of the HTTP side: the ledger is real, the shards are a list of
/// devices that are said to be online.
final class StandInControlPlane: ControlPlane {
    let ledger: Ledger
    let secretKeys = SecretKeys()
    let ticketFingerprint = String(repeating: "0", count: 64)
    let run = GatewayRun(node: .alone, number: 7)
    let backups: Backups
    private let state: Mutex<State>

    struct State: Sendable {
        var now = Timestamp("2026-11-21T08:00:00Z") ?? Timestamp(milliseconds: 0)
        var online: Set<DeviceIdentity> = []
        var reported: [DeviceIdentity: ReportedState] = [:]

        /// By whom devices are attached that are online.
        var parents: [DeviceIdentity: DeviceIdentity] = [:]
        var checks = [Readiness.Check(name: "listeners")]
        var failure: StoreError?

        /// The last days, on which no product's devices had messages.
        var quietDays: Int32 = 0

        /// What was sent to devices that are online, and what becomes of it.
        var sent: [Downlink] = []
        var fate = DownlinkOutcome.delivered

        /// What a trace shows before it ends.
        var traced: [TraceEvent] = []
        var tracesEnded = 0

        /// The nodes of its cluster, each with the same clients.
        var nodes: [NodeName] = []

        /// How the last connections of devices went.
        var outcomes: [DeviceIdentity: DeviceOutcomes] = [:]

        /// What it says of its cluster; it is in none unless a test sets it.
        var cluster: ClusterReport?

        /// What is stored, the latest first.
        var messages: [DeviceIdentity: [StoredMessage]] = [:]

        /// Who was online, of all products together.
        var counts: [OnlineCount] = []

        /// Whether products can name streams.
        var offersUplink = true

        /// Samples of metrics that are shown besides.
        var metrics = ""

        /// Links to firmware images.
        var firmwareLinks: FirmwareLinks?

        /// The commands that were submitted, in order.
        var log: [Command] = []
    }

    init(directory: String) throws {
        ledger = try Ledger(directory: directory, mapSizeBytes: 1 << 29, durability: .unsynced)
        let usage = try UsageStore(path: "\(directory)/usage", mapSizeBytes: 1 << 26)
        let sessions = try SessionStore(in: usage.shared)
        let stores = Stores(ledger: ledger, usage: usage, sessions: sessions)
        backups = Backups(
            of: stores,
            in: BackupPlaces(
                below: ["\(directory).backups"], data: directory, secrets: "\(directory).secrets")
        ) {
            Timestamp(milliseconds: 1_800_000_000_000)
        }
        state = Mutex(State())
    }

    func set(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }

    var log: [Command] { state.withLock { $0.log } }

    var now: Timestamp { state.withLock { $0.now } }

    func advance(milliseconds: Int64) {
        state.withLock { $0.now = $0.now.adding(milliseconds: milliseconds) }
    }

    func cluster() throws(StoreError) -> ClusterReport? { state.withLock { $0.cluster } }

    /// A node that never answers.
    static let silent = NodeName("silent")

    func nodes() throws(StoreError) -> [NodeName] { state.withLock { $0.nodes } }

    /// Of three nodes one other has all images.
    func imagePlaces(of files: [UInt64]) async throws(StoreError) -> ImagePlaces {
        let nodes = try nodes().count
        guard nodes > 1 else { return ImagePlaces(nodes: 1) }
        return ImagePlaces(
            nodes: nodes, others: Dictionary(uniqueKeysWithValues: files.map { ($0, 1) }))
    }

    func nodeFigures() async throws(StoreError) -> [(node: NodeName, figures: NodeFigures?)] {
        try nodes().map { node in
            var figures = NodeFigures()
            figures.clients = UInt64(state.withLock { $0.online.count })
            return (node, node == Self.silent ? nil : figures)
        }
    }

    var firmwareLinks: FirmwareLinks? { state.withLock { $0.firmwareLinks } }

    var offersUplink: Bool { state.withLock { $0.offersUplink } }

    func snapshot() async throws(BackupProblem) -> BooksSnapshot { try backups.snapshot() }

    func readiness() async -> Readiness { Readiness(checks: state.withLock { $0.checks }) }

    func metricsText() async -> String {
        "# TYPE tollgate_up gauge\ntollgate_up 1\n" + state.withLock { $0.metrics }
    }

    func verify() async throws(StoreError) -> [String] { try ledger.verify() }

    func onlineCount(of product: ProductKey) async -> Int {
        state.withLock { $0.online.count { $0.product == product } }
    }

    func presence(of devices: [DeviceIdentity]) async throws(StoreError) -> [DevicePresence] {
        state.withLock { state in
            devices.map { device in
                let isOnline = state.online.contains(device)
                return DevicePresence(isOnline: isOnline, lastSeenAt: isOnline ? state.now : nil)
            }
        }
    }

    func reportedState(
        of device: DeviceIdentity, registeredAt: Timestamp
    ) throws(StoreError) -> ReportedState {
        state.withLock { $0.reported[device] } ?? .none(registeredAt: registeredAt)
    }

    func connection(of device: DeviceIdentity) async -> DeviceConnection? {
        let (isOnline, parents) = state.withLock { ($0.online.contains(device), $0.parents) }
        guard isOnline else { return nil }
        return DeviceConnection(
            address: "127.0.0.1:50000",
            listener: "devices",
            connectedAt: now,
            protocolVersion: "5.0",
            clientID: "\(device)",
            keepAliveSeconds: 60,
            encryption: .init(
                version: "TLSv1.3", cipher: "TLS_AES_128_GCM_SHA256", isResumed: false),
            parent: parents[device],
            children: parents.values.count { $0 == device }
        )
    }

    func connections(
        from place: ConnectionPlace,
        of product: ProductKey?,
        limit: Int
    ) async -> ConnectionPart? {
        guard place.node != Self.silent else { return nil }
        let online = state.withLock { $0.online }
            .filter { product == nil || $0.product == product }
            .sorted { "\($0)" < "\($1)" }
        var elements: [ClientConnection] = []
        for device in online.dropFirst(Int(place.slot)).prefix(limit) {
            guard let connection = await connection(of: device) else { continue }
            elements.append(
                ClientConnection(device: device, key: nil, connection: connection, lastSeenAt: now))
        }
        let next = Int(place.slot) + limit
        return ConnectionPart(
            elements: elements,
            next: next < online.count
                ? ConnectionPlace(node: place.node, slot: UInt32(next)) : nil)
    }

    func refusals(of devices: [DeviceIdentity]) async -> [ConnectionOutcome?] {
        let outcomes = state.withLock(\.outcomes)
        return devices.map { outcomes[$0]?.lastRefusal }
    }

    func outcomes(of device: DeviceIdentity) async -> DeviceOutcomes {
        state.withLock { $0.outcomes[device] ?? DeviceOutcomes() }
    }

    func begin(_ trace: DeviceTrace) async -> Bool {
        for event in state.withLock({ $0.traced }) { trace.append(event) }
        trace.finish()
        return true
    }

    func watchPresence(of product: ProductKey) async -> PresenceWatch? {
        let watch = PresenceWatch(of: product, shards: 1)
        watch.finish()
        return watch
    }

    func end(_ watch: PresenceWatch) async {}

    func end(_ trace: DeviceTrace) async { state.withLock { $0.tracesEnded += 1 } }

    func messages(
        of device: DeviceIdentity, _ query: MessageQuery
    ) async throws(StoreError) -> MessagePage {
        let all = state.withLock { $0.messages[device] ?? [] }.filter { message in
            message.sequence < query.below ?? .max && message.time >= query.from ?? message.time
                && query.to.map { message.time < $0 } ?? true
                && message.direction == query.direction ?? message.direction
        }
        let page = Array(all.prefix(query.limit))
        return MessagePage(
            messages: page, next: all.count > page.count ? page.last?.sequence : nil)
    }

    func kick(_ device: DeviceIdentity) async -> Bool {
        state.withLock { $0.online.remove(device) != nil }
    }

    func send(_ downlink: Downlink, to device: DeviceIdentity) async -> DownlinkOutcome {
        state.withLock { state in
            guard state.online.contains(device) else { return .notConnected }
            state.sent.append(downlink)
            return state.fate
        }
    }

    func usage(of device: DeviceIdentity) async throws(StoreError) -> DeviceUsage {
        let today = Day(of: now, at: .utc)
        return DeviceUsage(
            today: .init(day: today, used: 12, topUp: 0),
            history: [.init(day: today.adding(days: -1), used: 3, topUp: 1)]
        )
    }

    func usage(
        of product: ProductKey,
        in days: ClosedRange<Day>,
        limit: Int
    ) async throws(StoreError) -> [ProductDay] {
        let today = Day(of: now, at: .utc)
        let all = (0..<40).map {
            ProductDay(
                day: today.adding(days: -$0), used: UInt64($0) + 1,
                devices: $0 < 5 ? UInt64($0) + 2 : nil)
        }
        let last = today.adding(days: -state.withLock { $0.quietDays })
        return Array(
            all.reversed().filter { days.contains($0.day) && $0.day <= last }.prefix(limit))
    }

    /// The same of each product, and a node that never answers is missing.
    func usage(
        of products: [ProductKey], in days: ClosedRange<Day>
    ) async throws(StoreError) -> OfAllNodes<[ProductKey: [ProductDay]]> {
        var found: [ProductKey: [ProductDay]] = [:]
        for product in products {
            found[product] = try await usage(of: product, in: days, limit: 31)
        }
        return OfAllNodes(found, missing: try missing)
    }

    /// What a test has set, of all products.
    func online(
        of products: [ProductKey], in quarters: Range<Quarter>
    ) async throws(StoreError) -> OfAllNodes<[OnlineCount]> {
        let counts = state.withLock { $0.counts }
        return OfAllNodes(
            counts.filter { quarters.contains($0.quarter) }, missing: try missing)
    }

    private var missing: [NodeName] {
        get throws(StoreError) { try nodes().filter { $0 == Self.silent } }
    }

    func submit(_ command: Command) async throws(StoreError) -> Outcome {
        if let failure = state.withLock({ $0.failure }) { throw failure }
        state.withLock { $0.log.append(command) }
        return try await ledger.submit(command)
    }
}
