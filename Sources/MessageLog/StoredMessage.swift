import LedgerModel
public import Time

/// A device's message as the log has it.
public struct StoredMessage: Hashable, Sendable {
    /// Which way it went.
    public enum Direction: UInt8, CaseIterable, Sendable {
        /// From the device.
        case up = 0

        /// To it.
        case down = 1
    }

    /// Its number in this log: what was handed over later has a higher one.
    public let sequence: UInt64

    /// When the gateway accepted it from the device, or sent it to it.
    public let time: Timestamp
    public let direction: Direction

    /// 0, 1 or 2.
    public let qos: UInt8
    public let isRetained: Bool
    public let isDuplicate: Bool

    /// The whole topic, in UTF-8.
    public let topic: [UInt8]
    public let payload: [UInt8]

    public init(
        sequence: UInt64, time: Timestamp, direction: Direction, qos: UInt8, isRetained: Bool,
        isDuplicate: Bool, topic: [UInt8], payload: [UInt8]
    ) {
        self.sequence = sequence
        self.time = time
        self.direction = direction
        self.qos = qos
        self.isRetained = isRetained
        self.isDuplicate = isDuplicate
        self.topic = topic
        self.payload = payload
    }
}

/// Which of a device's messages are asked for: the latest first.
public struct MessageQuery: Sendable {
    /// From this time on; `nil`: from the first.
    public var from: Timestamp?

    /// Before this time; `nil`: to the last.
    public var to: Timestamp?
    public var direction: StoredMessage.Direction?

    /// Only what has a lower number: where the page before has ended.
    public var below: UInt64?

    /// At most so many.
    public var limit: Int

    public init(
        from: Timestamp? = nil,
        to: Timestamp? = nil,
        direction: StoredMessage.Direction? = nil,
        below: UInt64? = nil,
        limit: Int = 100
    ) {
        self.from = from
        self.to = to
        self.direction = direction
        self.below = below
        self.limit = limit
    }

    func takes(_ message: StoredMessage) -> Bool {
        message.sequence < below ?? .max && message.time >= from ?? message.time
            && message.time < to ?? Timestamp(milliseconds: .max)
            && direction ?? message.direction == message.direction
    }
}

/// A part of what was asked for.
public struct MessagePage: Sendable {
    public var messages: [StoredMessage] = []

    /// Where to go on (`MessageQuery.below`); `nil`: there are no more. A page may be short, even empty, and
    /// have one: as much was read as one request may.
    public var next: UInt64?

    public init(messages: [StoredMessage] = [], next: UInt64? = nil) {
        self.messages = messages
        self.next = next
    }
}

/// Whose messages: a device's, by `PK/DK`, or all of a product's, by `PK/`.
struct MessageOwner: Hashable, Sendable {
    let name: [UInt8]

    init(_ device: DeviceIdentity) {
        name = Array("\(device.product.text)/\(device.device.text)".utf8)
    }

    init(_ product: ProductKey) { name = Array("\(product.text)/".utf8) }

    init(name: [UInt8]) { self.name = name }

    /// The product of a device.
    var product: MessageOwner {
        let end = name.firstIndex(of: UInt8(ascii: "/")) ?? name.count - 1
        return MessageOwner(name: Array(name[...end]))
    }

    /// What the index finds it by.
    var print: UInt32 { Self.print(of: name.span) }

    /// FNV-1a (64 bits), folded. Part of the format.
    static func print(of name: Span<UInt8>) -> UInt32 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for index in name.indices { hash = (hash ^ UInt64(name[index])) &* 0x100_0000_01B3 }
        // Short names differ in the low bits only: spread over all, as the index guesses a place by the high ones.
        hash = (hash ^ hash >> 32) &* 0x9E37_79B9_7F4A_7C15
        return UInt32(truncatingIfNeeded: hash >> 32)
    }
}
