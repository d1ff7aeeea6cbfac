public import Ledger
public import Time

/// A device has come or gone.
public struct PresenceEvent: Equatable, Sendable {
    public enum State: Equatable, Sendable {
        case connected(address: String, listener: String)
        case disconnected(Reason)
    }

    public let device: DeviceIdentity
    public let state: State
    public let at: Timestamp

    /// When the connection was admitted: which one has ended, when another one has begun meanwhile.
    public let connectedAt: Timestamp

    /// `3.1.1` or `5.0`.
    public let protocolVersion: String

    /// The node where it happened, when that is another one than the one that was asked.
    public internal(set) var node: String?

    public init(
        device: DeviceIdentity,
        state: State,
        at: Timestamp,
        connectedAt: Timestamp,
        protocolVersion: String,
        node: String? = nil
    ) {
        self.device = device
        self.state = state
        self.at = at
        self.connectedAt = connectedAt
        self.protocolVersion = protocolVersion
        self.node = node
    }
}

/// A product's devices, as they come and go: each shard puts its own in, the one who asked takes them out. Neither
/// waits; what a slow reader leaves no room for is dropped and counted.
public final class PresenceWatch: Followed {
    /// Events of one shard that wait for the reader.
    static let capacity = 4_096

    public let product: ProductKey
    let feed: LiveFeed<PresenceEvent>

    /// The writers: shards from that one on, and behind them who brings what other nodes have seen.
    private let firstShard: Int
    private let relay: Int

    /// - Parameter shards: of the gateway, above 0.
    public init(of product: ProductKey, shards: Int) {
        self.product = product
        firstShard = 0
        relay = shards
        feed = LiveFeed(writers: shards + 1, capacity: Self.capacity)
    }

    /// Of one shard, read from another node.
    init(of product: ProductKey, atShard shard: Int) {
        self.product = product
        firstShard = shard
        relay = 0
        feed = LiveFeed(writers: 1, capacity: Self.capacity)
    }

    /// The next event; `nil` when there is none yet. For one reader. A device's are in order, as long as it stays at one
    /// node.
    public func next() -> PresenceEvent? { feed.next() }

    /// How many events were dropped since the start.
    public var dropped: Int { feed.dropped }

    /// The gateway has stopped: what is left can be read, and nothing more comes.
    public var isOver: Bool { feed.isOver }

    /// For the shard of that number.
    public func append(_ event: PresenceEvent, by shard: Int) {
        feed.append(event, by: shard - firstShard)
    }

    func appendElsewhere(_ event: PresenceEvent) { feed.append(event, by: relay) }

    public func finish() { feed.finish() }
}

/// Who follows the presence of a shard's devices.
struct PresenceWatches {
    private var watches: [ProductKey: [PresenceWatch]] = [:]

    var isEmpty: Bool { watches.isEmpty }

    mutating func insert(_ watch: PresenceWatch) {
        watches[watch.product, default: []].append(watch)
    }

    mutating func remove(_ watch: PresenceWatch) {
        watches[watch.product]?.removeAll { $0 === watch }
        if watches[watch.product]?.isEmpty == true { watches[watch.product] = nil }
    }

    func show(_ event: @autoclosure () -> PresenceEvent, of product: ProductKey, by shard: Int) {
        guard let found = watches[product] else { return }
        let event = event()
        for watch in found { watch.append(event, by: shard) }
    }

    /// The shard ends.
    mutating func finishAll() {
        for watch in watches.values.joined() { watch.finish() }
        watches = [:]
    }
}
