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
        fileprivate let place: Int
    }

    /// 1 MiB.
    private static var places: Int { 1 << 17 }

    /// The lowest bits count how often the message has come again for nothing: three times at most.
    private static var countMask: UInt64 { 0b11 }

    private var entries: [UInt64] = []
    private let topicSeed = UInt64.random(in: .min ... .max)
    private let payloadSeed = UInt64.random(in: .min ... .max)

    /// What a message is known by; one that is handed out as retained has no packet identifier.
    ///
    /// Messages that a device sends one after the other have places side by side, so that writing them down
    /// goes through the memory line by line.
    @inline(__always)
    func fingerprint(_ topic: Span<UInt8>, _ payload: Span<UInt8>, packetID: UInt16 = 0) -> Print {
        let ofTopic = topic.fingerprint(seed: topicSeed)
        let ofPayload = payload.fingerprint(seed: payloadSeed)
        let identifier = UInt64(packetID)
        let bits = ofTopic ^ ofPayload &+ identifier &* 0x9E37_79B9_7F4A_7C15
        return Print(
            bits: bits & ~Self.countMask,
            place: Int(truncatingIfNeeded: ofTopic >> 40 &+ identifier) & (Self.places - 1)
        )
    }

    /// The message has been counted.
    @inline(__always)
    mutating func insert(_ print: Print) {
        if entries.isEmpty { entries = [UInt64](repeating: 0, count: Self.places) }
        entries[print.place] = print.bits
    }

    /// Whether the message has been counted.
    func contains(_ print: Print) -> Bool {
        guard !entries.isEmpty else { return false }
        return entries[print.place] & ~Self.countMask == print.bits
    }

    /// The same of one that has come again. True three times, so that a device that always sets DUP
    /// pays for every fourth.
    mutating func takeRepetition(_ print: Print) -> Bool {
        guard contains(print) else { return false }
        guard entries[print.place] & Self.countMask < Self.countMask else { return false }
        entries[print.place] += 1
        return true
    }
}

/// What counting units would come to.
enum CoverageVerdict {
    case covered
    case refused
    case waits(PackStocks.Slot)
}
