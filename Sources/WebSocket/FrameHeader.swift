import Bytes

/// The first 6 to 14 bytes of a client's frame (RFC 6455, 5.2).
struct FrameHeader: Equatable, Sendable {
    /// The most bytes that a client's header has: two, a length of eight, a mask of four.
    static let maximumSize = 14

    /// What a control frame carries at most (5.5).
    static let controlLimit = 125

    let opcode: Opcode
    let isFinal: Bool
    let length: Int

    /// The masking key, its first byte lowest.
    let mask: UInt32
    let size: Int

    /// The header at the front of `bytes`; `nil` while its end is missing. Every rule is checked with
    /// the first byte that can break it.
    init?(_ bytes: Span<UInt8>, limit: Int) throws(FrameViolation) {
        guard bytes.count > 0 else { return nil }
        let first = bytes[0]
        guard first & 0x70 == 0 else { throw .reservedBits }
        guard first & 0x0F != 0x1 else { throw .textFrame }
        guard let opcode = Opcode(rawValue: first & 0x0F) else { throw .unknownOpcode }
        isFinal = first & 0x80 != 0
        guard isFinal || !opcode.isControl else { throw .fragmentedControlFrame }
        self.opcode = opcode
        guard bytes.count > 1 else { return nil }
        guard bytes[1] & 0x80 != 0 else { throw .unmasked }
        guard let (length, lengthSize) = try Self.length(bytes) else { return nil }
        guard !opcode.isControl || length <= UInt64(Self.controlLimit) else {
            throw .controlFrameTooLong
        }
        guard length <= UInt64(limit) else { throw .frameTooLarge }
        self.length = Int(length)
        size = 2 + lengthSize + 4
        guard bytes.count >= size else { return nil }
        var mask: UInt32 = 0
        for index in 0..<4 { mask |= UInt32(bytes[size - 4 + index]) << UInt32(8 * index) }
        self.mask = mask
    }

    /// The payload's length, and how many bytes it takes beyond the seven bits; `nil` while some of
    /// them are missing.
    private static func length(
        _ bytes: Span<UInt8>
    ) throws(FrameViolation) -> (value: UInt64, size: Int)? {
        let short = bytes[1] & 0x7F
        guard short >= 126 else { return (UInt64(short), 0) }
        // A control frame's length fits in the seven bits (5.5).
        guard bytes[0] & 0x08 == 0 else { throw .controlFrameTooLong }
        let size = short == 126 ? 2 : 8
        guard bytes.count >= 2 + size else { return nil }
        var value: UInt64 = 0
        for index in 2..<2 + size { value = value << 8 | UInt64(bytes[index]) }
        guard value >= (size == 2 ? 126 : 65_536), value < 1 << 63 else {
            throw .lengthNotMinimal
        }
        return (value, size)
    }
}

extension FrameHeader {
    /// How many bytes the header of a server's frame has: it is not masked.
    static func serverSize(length: Int) -> Int { length <= 125 ? 2 : length <= 65_535 ? 4 : 10 }

    /// Writes the header of a server's frame, which is the whole of a message, over the bytes at
    /// `index`.
    static func write(_ opcode: Opcode, length: Int, into buffer: inout ByteBuffer, at index: Int) {
        buffer[index] = 0x80 | opcode.rawValue
        let size = serverSize(length: length)
        switch size {
        case 2: buffer[index + 1] = UInt8(length)
        case 4: buffer[index + 1] = 126
        default: buffer[index + 1] = 127
        }
        for place in 2..<size {
            let shift = 8 * (size - 1 - place)
            buffer[index + place] = UInt8(truncatingIfNeeded: length >> shift)
        }
    }
}

/// What a frame is (RFC 6455, 5.2). Text is not among them: MQTT has no use for it.
enum Opcode: UInt8, Sendable {
    case continuation = 0x0
    case binary = 0x2
    case close = 0x8
    case ping = 0x9
    case pong = 0xA

    var isControl: Bool { rawValue >= 0x8 }
}

/// What a client's payload is masked with (RFC 6455, 5.3).
struct Masking: Sendable {
    /// The key's four bytes, lowest first; its lowest is the next byte's.
    private(set) var key: UInt32

    /// Unmasks `count` bytes at `source`, and moves them down to `target` in the same pass.
    ///
    /// Traps unless `target <= source` and both regions are in `bytes`.
    mutating func unmask(
        _ bytes: inout MutableSpan<UInt8>,
        from source: Int,
        to target: Int,
        count: Int
    ) {
        precondition(
            target >= 0 && target <= source && count >= 0 && count <= bytes.count - source,
            "unmasked outside the bytes"
        )
        guard count > 0 else { return }
        let wide = UInt64(key) << 32 | UInt64(key)
        // Safe: both regions were checked to be inside. Each step reads its bytes before it writes as
        // many at or below them, so nothing is overwritten before it has been read.
        unsafe bytes.withUnsafeMutableBytes { region in
            guard let base = region.baseAddress else { return }
            var index = 0
            while index + 8 <= count {
                let word = unsafe base.loadUnaligned(
                    fromByteOffset: source + index, as: UInt64.self)
                unsafe base.storeBytes(
                    of: (UInt64(littleEndian: word) ^ wide).littleEndian,
                    toByteOffset: target + index,
                    as: UInt64.self
                )
                index += 8
            }
            while index < count {
                let shift = UInt32(index & 3) * 8
                unsafe region[target + index] =
                    unsafe region[source + index] ^ UInt8(truncatingIfNeeded: key >> shift)
                index += 1
            }
        }
        let used = UInt32(count & 3) * 8
        if used > 0 { key = key >> used | key << (32 - used) }
    }
}

/// Why a WebSocket is closed (RFC 6455, 7.4.1).
public struct CloseCode: RawRepresentable, Equatable, Hashable, Sendable {
    public let rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let normal = CloseCode(rawValue: 1_000)
    public static let goingAway = CloseCode(rawValue: 1_001)
    public static let protocolError = CloseCode(rawValue: 1_002)
    public static let unsupportedData = CloseCode(rawValue: 1_003)
    public static let invalidData = CloseCode(rawValue: 1_007)
    public static let policyViolation = CloseCode(rawValue: 1_008)
    public static let messageTooBig = CloseCode(rawValue: 1_009)

    /// Registered by IANA after the RFC.
    public static let tryAgainLater = CloseCode(rawValue: 1_013)

    /// Whether an endpoint may send it: not what only an API reports (1004 to 1006, 1015), is not
    /// registered yet, or is of no range that there is (7.4.2).
    public var isSendable: Bool {
        switch rawValue {
        case 1_000...1_003, 1_007...1_014, 3_000...4_999: true
        default: false
        }
    }
}
