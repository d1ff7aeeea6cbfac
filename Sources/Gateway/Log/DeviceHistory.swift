import Ledger
import Linux
public import Time

/// How a device's connection was refused, or ended.
public struct ConnectionOutcome: Equatable, Sendable {
    public let reason: Reason
    public let at: Timestamp

    /// Where the client was: `203.0.113.9:51324`.
    public let address: String

    /// The name of the listener it came in by.
    public let listener: String

    public init(reason: Reason, at: Timestamp, address: String, listener: String) {
        self.reason = reason
        self.at = at
        self.address = address
        self.listener = listener
    }
}

/// The last refusal and the last ending of a device, as far as they are remembered.
public struct DeviceOutcomes: Equatable, Sendable {
    public let lastRefusal: ConnectionOutcome?
    public let lastEnding: ConnectionOutcome?

    public init(lastRefusal: ConnectionOutcome? = nil, lastEnding: ConnectionOutcome? = nil) {
        self.lastRefusal = lastRefusal
        self.lastEnding = lastEnding
    }
}

/// The last refusal and ending of each device of a shard, in memory, of a limited number of devices.
///
/// When it is full, one goes that nothing has happened to for about the longest time (the CLOCK algorithm).
struct DeviceHistory {
    struct Outcome: Sendable {
        let reason: Reason
        let at: Timestamp
        let address: SocketAddress
        let listener: Int
    }

    struct Entry {
        let device: DeviceIdentity
        var refusal: Outcome?
        var ending: Outcome?

        /// Something has happened since the hand came by.
        var isRecent = true
    }

    private let limit: Int
    private var entries: [Entry] = []
    private var places: [DeviceIdentity: Int] = [:]
    private var hand = 0

    /// - Parameter limit: devices that are remembered; about 200 bytes each.
    init(limit: Int = 16_384) { self.limit = limit }

    var count: Int { entries.count }

    func entry(of device: DeviceIdentity) -> Entry? { places[device].map { entries[$0] } }

    mutating func noteRefusal(_ outcome: Outcome, of device: DeviceIdentity) {
        let place = place(of: device)
        entries[place].refusal = outcome
    }

    mutating func noteEnding(_ outcome: Outcome, of device: DeviceIdentity) {
        let place = place(of: device)
        entries[place].ending = outcome
    }

    private mutating func place(of device: DeviceIdentity) -> Int {
        if let place = places[device] {
            entries[place].isRecent = true
            return place
        }
        guard entries.count >= limit else {
            entries.append(Entry(device: device))
            places[device] = entries.count - 1
            return entries.count - 1
        }
        while entries[hand].isRecent {
            entries[hand].isRecent = false
            hand = (hand + 1) % limit
        }
        let place = hand
        hand = (hand + 1) % limit
        places[entries[place].device] = nil
        entries[place] = Entry(device: device)
        places[device] = place
        return place
    }
}
