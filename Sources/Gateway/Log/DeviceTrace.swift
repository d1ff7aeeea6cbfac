public import Ledger
import MQTT
public import Time

/// One thing that a trace of a device shows.
public struct TraceEvent: Equatable, Sendable {
    public enum Kind: Equatable, Sendable {
        /// The device was let in.
        case connected(address: String, listener: String, protocolVersion: String)
        case refused(Reason, address: String, listener: String)
        case packet(TracedPacket)
        case ended(Reason)
    }

    public let at: Timestamp
    public let kind: Kind

    /// The node where it happened, when that is another one than the one that was asked.
    public let node: String?

    public init(at: Timestamp, kind: Kind, node: String? = nil) {
        self.at = at
        self.kind = kind
        self.node = node
    }
}

/// A packet from a traced device, or to it.
public struct TracedPacket: Equatable, Sendable {
    public let isFromDevice: Bool

    /// As the standard writes it: `PUBLISH`.
    public let type: String

    /// Of a PUBLISH, its payload's; of another packet, its own.
    public let bytes: Int

    // Of a PUBLISH only.
    public var topic: String?
    public var qos: Int?

    /// What became of a device's PUBLISH: `taken`, `no-subscriber`, `pending`, `refused`; `delayed`: it waits for the
    /// device's rate, and is shown again then.
    public var outcome: String?

    /// Why it was refused.
    public var reason: Reason?

    public init(
        isFromDevice: Bool,
        type: String,
        bytes: Int,
        topic: String? = nil,
        qos: Int? = nil,
        outcome: String? = nil,
        reason: Reason? = nil
    ) {
        self.isFromDevice = isFromDevice
        self.type = type
        self.bytes = bytes
        self.topic = topic
        self.qos = qos
        self.outcome = outcome
        self.reason = reason
    }
}

/// One device, followed live: its shard puts events in, the one who asked takes them out. Neither waits; what a
/// slow reader leaves no room for is dropped and counted.
public final class DeviceTrace: Followed {
    /// Who puts events in.
    enum Writer: Int, CaseIterable {
        /// The device's shard.
        case home

        /// Who brings what other nodes have seen.
        case relay
    }

    /// Events of one writer that wait for the reader.
    static let capacity = 1_024

    public let device: DeviceIdentity
    let feed = LiveFeed<TraceEvent>(
        writers: Writer.allCases.count, capacity: DeviceTrace.capacity)

    public init(of device: DeviceIdentity) { self.device = device }

    /// The next event; `nil` when there is none yet. For one reader.
    public func next() -> TraceEvent? { feed.next() }

    /// How many events were dropped since the start.
    public var dropped: Int { feed.dropped }

    /// The gateway has stopped: what is left can be read, and nothing more comes.
    public var isOver: Bool { feed.isOver }

    /// For the device's shard, or who stands in for it.
    public func append(_ event: TraceEvent) { feed.append(event, by: Writer.home.rawValue) }

    /// As above.
    public func finish() { feed.finish() }
}

/// The traces of a shard's devices.
struct DeviceTraces {
    private var traces: [DeviceIdentity: [DeviceTrace]] = [:]

    /// By a traced connection's slot: how many bytes of its output have been shown and wait for the socket.
    private var shown: [UInt32: Int] = [:]

    var isEmpty: Bool { traces.isEmpty }

    func contains(_ device: DeviceIdentity) -> Bool { traces[device] != nil }

    mutating func insert(_ trace: DeviceTrace) { traces[trace.device, default: []].append(trace) }

    mutating func remove(_ trace: DeviceTrace) {
        traces[trace.device]?.removeAll { $0 === trace }
        if traces[trace.device]?.isEmpty == true { traces[trace.device] = nil }
    }

    func show(_ event: TraceEvent, of device: DeviceIdentity) {
        for trace in traces[device] ?? [] { trace.append(event) }
    }

    func shownBytes(_ slot: UInt32) -> Int { shown[slot] ?? 0 }

    mutating func setShownBytes(_ slot: UInt32, _ count: Int) {
        shown[slot] = count == 0 ? nil : count
    }

    /// The shard ends.
    mutating func finishAll() {
        for trace in traces.values.joined() { trace.finish() }
        traces = [:]
        shown = [:]
    }
}

extension TracedPacket {
    /// What became of a device's PUBLISH.
    mutating func set(_ verdict: PublishVerdict) {
        switch verdict {
        case .taken: outcome = "taken"
        case .noSubscribers: outcome = "no-subscriber"
        case .undecided, .held, .writing, .relayed: outcome = "pending"
        case .refused(let reason):
            outcome = "refused"
            self.reason = reason
        case .downlink(let downlink):
            reason = downlink.refusal
            outcome = reason == nil ? "taken" : "refused"
        }
    }
}

extension PacketType {
    /// As the standard writes it.
    var name: String {
        switch self {
        case .connect: "CONNECT"
        case .connack: "CONNACK"
        case .publish: "PUBLISH"
        case .puback: "PUBACK"
        case .pubrec: "PUBREC"
        case .pubrel: "PUBREL"
        case .pubcomp: "PUBCOMP"
        case .subscribe: "SUBSCRIBE"
        case .suback: "SUBACK"
        case .unsubscribe: "UNSUBSCRIBE"
        case .unsuback: "UNSUBACK"
        case .pingreq: "PINGREQ"
        case .pingresp: "PINGRESP"
        case .disconnect: "DISCONNECT"
        case .auth: "AUTH"
        }
    }
}
