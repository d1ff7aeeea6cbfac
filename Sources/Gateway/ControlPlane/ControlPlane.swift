public import Ledger
public import MessageLog
public import Metering
public import Storage
public import Time

/// How people and programs reach the data plane: the only way from the HTTP side to the shards.
///
/// Everything here may be called from any task and costs the shards at most one message each. What
/// the books know is read through `ledger`; what only the running gateway knows is asked here.
public protocol ControlPlane: Sendable {
    /// The books. The shards hear of each change that is applied to them.
    var ledger: Ledger { get }

    /// What secrets are sealed with before they go into a command: the books hold no other.
    var secretKeys: SecretKeys { get }

    /// Tells whether gateways can open each other's session tickets.
    var ticketFingerprint: String { get }

    /// Links to firmware images; `nil` when the gateway has none for devices.
    var firmwareLinks: FirmwareLinks? { get }

    /// Copies of the stores, made while they are in use.
    var backups: Backups { get }

    /// The wall clock that the gateway goes by; a test sets it.
    var now: Timestamp { get }

    /// Tells this run of the gateway from those before it, and from what other nodes run.
    var run: GatewayRun { get }

    /// How the gateway stands with its cluster; `nil` of one that is alone. Throws when the books can't be read.
    func cluster() throws(StoreError) -> ClusterReport?

    /// A copy of the books as they are at one moment, which another node can begin with; on a thread of its own.
    func snapshot() async throws(BackupProblem) -> BooksSnapshot

    /// Whether products can name streams for their devices' messages.
    var offersUplink: Bool { get }

    /// Whether new work is taken, and what stands in its way.
    func readiness() async -> Readiness

    /// All figures of the process in Prometheus' text format (version 0.0.4).
    func metricsText() async -> String

    /// Whether all is right in the stores: sentences that name what is wrong, none when all is. Reads
    /// them whole, on a thread of its own.
    func verify() async throws(StoreError) -> [String]

    /// How many devices of a product are connected now (rule B14).
    func onlineCount(of product: ProductKey) async -> Int

    /// Which of `devices` are connected, and when each was last seen, in the order they were asked for.
    ///
    /// Throws when the usage store can't be read.
    func presence(of devices: [DeviceIdentity]) async throws(StoreError) -> [DevicePresence]

    /// What a device that was registered then has reported of its state; of version 0 when it has reported nothing. On
    /// a node of a cluster, as far as that has followed the others.
    ///
    /// Throws when the usage store can't be read.
    func reportedState(
        of device: DeviceIdentity, registeredAt: Timestamp
    ) throws(StoreError) -> ReportedState

    /// The connection of a device; `nil` when it is not connected.
    func connection(of device: DeviceIdentity) async -> DeviceConnection?

    /// The nodes of the cluster, in order, this one among them; none of a gateway alone.
    ///
    /// Throws when the ledger can't be read.
    func nodes() throws(StoreError) -> [NodeName]

    /// The figures of each node of the cluster, in order; `nil` of one that does not answer. Empty of a gateway alone.
    ///
    /// Throws when the ledger can't be read.
    func nodeFigures() async throws(StoreError) -> [(node: NodeName, figures: NodeFigures?)]

    /// On how many other nodes these files of firmware images are, as far as they answer.
    ///
    /// Throws when the ledger can't be read.
    func imagePlaces(of files: [UInt64]) async throws(StoreError) -> ImagePlaces

    /// The clients that are connected to a node, of that product or all, in no order: at most `limit`, which is above
    /// 0. A part may have none and others follow. Who comes or goes meanwhile may be missed. `nil` when that node does
    /// not answer.
    func connections(
        from place: ConnectionPlace,
        of product: ProductKey?,
        limit: Int
    ) async -> ConnectionPart?

    /// How a device was last refused, and how its last connection ended, as far as the gateway
    /// remembers: since its start, of a limited number of devices.
    func outcomes(of device: DeviceIdentity) async -> DeviceOutcomes

    /// How each of `devices` was last refused, in the order they were asked for; as far as the gateway remembers.
    func refusals(of devices: [DeviceIdentity]) async -> [ConnectionOutcome?]

    /// Follows a device live from now on, until `end`; false when the gateway has stopped.
    func begin(_ trace: DeviceTrace) async -> Bool
    func end(_ trace: DeviceTrace) async

    /// Follows a product's devices as they come and go, at all nodes that can be reached, until `end`; `nil` when the
    /// gateway has stopped.
    func watchPresence(of product: ProductKey) async -> PresenceWatch?
    func end(_ watch: PresenceWatch) async

    /// Ends the connection of a device (Wire.md: 0x98); false when it was not connected.
    func kick(_ device: DeviceIdentity) async -> Bool

    /// Sends a message to a device, and answers what became of it (rule C10): `tooLarge` also for one
    /// that is larger than the gateway takes itself.
    func send(_ downlink: Downlink, to device: DeviceIdentity) async -> DownlinkOutcome

    /// The messages of a device that this node has stored (rule D3), the latest first. What came within the last two
    /// flush intervals may be missing.
    ///
    /// Throws when they can't be read.
    func messages(
        of device: DeviceIdentity, _ query: MessageQuery
    ) async throws(StoreError) -> MessagePage

    /// What a device has used today, at its product's day, and on the days before (rule C8).
    ///
    /// Throws when the usage store can't be read.
    func usage(of device: DeviceIdentity) async throws(StoreError) -> DeviceUsage

    /// What all devices of a product used on each of `days`, in order, at most `limit` days, those
    /// without a message left out (rule C8). What was counted within the last flush interval may be missing.
    ///
    /// Throws when the usage store can't be read.
    func usage(
        of product: ProductKey,
        in days: ClosedRange<Day>,
        limit: Int
    ) async throws(StoreError) -> [ProductDay]

    /// The same of several products, by their keys: one without a message has none. All nodes are asked at once.
    ///
    /// Throws when the usage store can't be read.
    func usage(
        of products: [ProductKey], in days: ClosedRange<Day>
    ) async throws(StoreError) -> OfAllNodes<[ProductKey: [ProductDay]]>

    /// How many devices of these products together were online at the beginning of each quarter of an hour, in order;
    /// those that no node has counted are left out. What is older than `UsageStore.onlineDaysKept` days is not kept.
    ///
    /// Throws when the usage store can't be read.
    func online(
        of products: [ProductKey], in quarters: Range<Quarter>
    ) async throws(StoreError) -> OfAllNodes<[OnlineCount]>

    /// Changes the books. When this returns, the change is on disk and the shards have been told: a
    /// disabled or deleted device is being disconnected, a product's new settings hold.
    ///
    /// Throws when the ledger can't answer (disk full, map full, stopping): nothing was changed. `.unanswered`: it has
    /// not answered within `LedgerPatience.requestMilliseconds`, as the log of a cluster has no majority; the change
    /// may still be made.
    func submit(_ command: Command) async throws(StoreError) -> Outcome
}
