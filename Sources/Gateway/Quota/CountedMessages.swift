import Bytes

/// Messages of devices that were counted lately, so that the same one is not counted again (rule C2): QoS 1
/// messages that a device sends again, as it has not got their acknowledgement, and retained messages that it
/// gets at every SUBSCRIBE.
///
/// A message is known by its topic, which names the device, its payload and its packet identifier. There is a
/// place for each of `places` prints, and the newer takes the place of the older: one that is forgotten is
/// counted again. Owns no memory until it is used.
struct CountedMessages {
    /// What a message is known by. The lowest bits are free for the table.
    struct Print: Equatable {
        fileprivate let bits: UInt64
    }

    /// 1 MiB.
    private static var places: Int { 1 << 17 }

    /// The lowest bits count how often the message has come again.
    private static var countMask: UInt64 { 0xF }

    private var entries: [UInt64] = []
    private let seed = UInt64.random(in: .min ... .max)

    /// What a message is known by; one that is handed out as retained has no packet identifier.
    func fingerprint(_ topic: Span<UInt8>, _ payload: Span<UInt8>, packetID: UInt16 = 0) -> Print {
        let ofTopic = topic.fingerprint(seed: seed ^ UInt64(packetID))
        return Print(bits: payload.fingerprint(seed: ofTopic) & ~Self.countMask)
    }

    private static func place(of print: Print) -> Int { Int(print.bits >> 40) & (places - 1) }

    /// The message has been counted.
    mutating func insert(_ print: Print) {
        if entries.isEmpty { entries = [UInt64](repeating: 0, count: Self.places) }
        entries[Self.place(of: print)] = print.bits
    }

    /// Whether the message has been counted.
    func contains(_ print: Print) -> Bool {
        guard !entries.isEmpty else { return false }
        return entries[Self.place(of: print)] & ~Self.countMask == print.bits
    }

    /// The same of one that has come again; true a few times only, so that nobody sends for nothing by
    /// saying that it is always the same message.
    mutating func takeRepetition(_ print: Print) -> Bool {
        guard contains(print) else { return false }
        let place = Self.place(of: print)
        guard entries[place] & Self.countMask < Self.countMask else { return false }
        entries[place] += 1
        return true
    }
}
