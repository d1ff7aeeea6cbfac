import Ledger
import Linux
import MessageLog
import Reactor
import Storage
import Synchronization
import Time

/// What a shard's organs work on together: the connections, the quota, the time of the turn, and the
/// messages that the turn leaves for other shards. One for each shard; lent to each verb of the broker.
struct ShardContext: ~Copyable {
    let index: Int
    let commons: GatewayCommons
    let counters: ShardCounters

    /// Whether there are clients to whom not all that their filters match may be handed.
    let limitsDeliveries: Bool

    /// Whether a device that is or was connected has limits of its own or its product's: read for every message.
    var limitsPublishes = false

    /// The time of this turn: the same for all that happens in it.
    var now: ShardTime

    /// What the ledger's books say.
    var books: LedgerReader
    var wire: Wire
    var quota: Quota

    /// What speaks for devices that others have attached.
    var children: ChildLinks

    /// What of `commons.sockets` is this shard's.
    var socketShare = SocketCount.Share()

    /// On their way into the log of messages.
    var messages: MessagePort

    /// What this turn has answered.
    var answered = TurnLatencies()

    /// By shard; posted at the end of the turn.
    var outgoing: [[ShardMessage]]

    /// Other nodes of the cluster, and which clients are where.
    var peers: Peers
    var places = ClientPlaces()

    /// Gives the struct an address, so that no call copies it.
    private let anchor = Atomic<Bool>(false)

    init(
        index: Int,
        commons: GatewayCommons,
        counters: ShardCounters,
        now: ShardTime,
        books: consuming LedgerReader,
        wire: consuming Wire,
        quota: consuming Quota
    ) {
        self.index = index
        self.commons = commons
        limitsDeliveries = commons.listeners.contains(where: \.isAnonymous)
        self.counters = counters
        self.now = now
        self.books = books
        self.wire = wire
        self.quota = quota
        children = ChildLinks(limit: commons.limits.connectionsPerShard)
        messages = MessagePort(commons.messageLog)
        outgoing = Array(repeating: [], count: commons.mailboxes.count)
        peers = Peers(commons.neighbours, shard: index)
    }

    mutating func tellOthers(_ message: ShardMessage) {
        for shard in outgoing.indices where shard != index { outgoing[shard].append(message) }
    }

    /// Where a device is in the catalogue that is entitled by `code`: with the limit of the product's free
    /// codes, or the package's (rule A4).
    mutating func productSlot(
        of key: ProductKey, _ product: ProductRecord, entitledBy code: ActivationCode?
    ) throws(StoreError) -> ProductCatalogue.Slot {
        let isFree = try books.isFree(code, of: product)
        if let known = quota.product(key, isFree: isFree) { return known }
        quota.keep(ProductFacts(key: key, record: product))
        guard let slot = quota.product(key, isFree: isFree) else {
            preconditionFailure("a product that was kept has a slot")
        }
        return slot
    }

    /// The same of a device, as the books have it; `nil` when there is no such product.
    mutating func productSlot(
        of device: DeviceIdentity
    ) throws(StoreError) -> ProductCatalogue.Slot? {
        guard let product = try books.product(device.product) else { return nil }
        var code: ActivationCode?
        if product.freeDevices == .some {
            code = try books.withDevice(device) { _, view throws(StoreError) in view?.code }
        }
        return try productSlot(of: device.product, product, entitledBy: code)
    }

    /// Posts what the turn has left for the shards: one wake-up for each.
    mutating func postOutgoing() {
        for shard in outgoing.indices where !outgoing[shard].isEmpty {
            commons.mailboxes[shard].post(contentsOf: outgoing[shard])
            outgoing[shard].removeAll(keepingCapacity: true)
        }
        peers.post()
    }
}

/// The time of one turn of a shard.
struct ShardTime: Sendable {
    /// Milliseconds of one tick of the timer wheels.
    static var tickMilliseconds: Int64 { 64 }

    let wall: Timestamp
    let monotonic: MonotonicInstant

    /// What entitlements go by: the wall clock, unless the books doubt it (rule B16).
    let books: Timestamp

    /// The tick that the turn is in, counted from the shard's start.
    let tick: UInt64

    init(_ clock: ReactorClock, since start: MonotonicInstant, _ books: BooksClock) {
        self.init(
            wall: clock.wall, monotonic: clock.monotonic, since: start,
            books: books.time(wall: clock.wall, monotonic: clock.monotonic))
    }

    init(
        wall: Timestamp,
        monotonic: MonotonicInstant,
        since start: MonotonicInstant,
        books: Timestamp? = nil
    ) {
        self.wall = wall
        self.monotonic = monotonic
        self.books = books ?? wall
        tick = UInt64(max(0, monotonic.milliseconds(since: start) / Self.tickMilliseconds))
    }

    /// The tick of an earlier time, which may be before the shard's start.
    func tick(of instant: MonotonicInstant) -> UInt64 {
        let ticks = UInt64(max(0, monotonic.milliseconds(since: instant) / Self.tickMilliseconds))
        return tick - min(tick, ticks)
    }

    /// How many ticks from now `milliseconds` are, rounded up.
    static func ticks(milliseconds: Int64) -> UInt64 {
        UInt64(max(1, (milliseconds + tickMilliseconds - 1) / tickMilliseconds))
    }
}
