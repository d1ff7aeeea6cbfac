import Bytes

/// Takes a client's frames apart, however the bytes are cut (RFC 6455, 5): a state machine that
/// touches no socket.
///
/// The payload of binary messages is left where the frames were, unmasked and without a gap, as MQTT
/// packets may span or share frames ([MQTT-6.0.0-2]). Nothing is allocated by a declared length:
/// what is kept is the start of a header, or of a control frame.
struct FrameDecoder: ~Copyable {
    /// A control frame that is complete, with its payload in `control`.
    enum Signal: Sendable {
        case ping, pong, close
    }

    /// What there is of a header whose end has not come.
    private var partial = InlineArray<14, UInt8>(repeating: 0)
    private var partialCount = 0

    // The frame under way.
    private var opcode: Opcode?
    private var remaining = 0
    private var masking = Masking(key: 0)

    /// A message has begun, and its last fragment has not.
    private var isFragmented = false

    /// The payload of the control frame under way, or of the last one.
    private(set) var control = ByteBuffer()

    /// Reads frames from `read` on and puts payload at `write`, until a control frame is complete, or
    /// all has been read (`nil`).
    mutating func next(
        _ bytes: inout ByteBuffer,
        read: inout Int,
        write: inout Int,
        limit: Int
    ) throws(FrameViolation) -> Signal? {
        while true {
            if opcode == nil {
                let rest = bytes.span.extracting(read..<bytes.count)
                let (size, header) = try self.header(rest, limit: limit)
                read += size
                guard let header else { return nil }
                try begin(header)
            }
            let isControl = opcode?.isControl == true
            takePayload(&bytes, read: &read, write: &write, isControl: isControl)
            guard remaining == 0 else { return nil }
            let signal = opcode.flatMap(Self.signal)
            opcode = nil
            if let signal { return signal }
        }
    }

    private static func signal(_ opcode: Opcode) -> Signal? {
        switch opcode {
        case .ping: .ping
        case .pong: .pong
        case .close: .close
        case .continuation, .binary: nil
        }
    }

    /// The next header, if it ends in `bytes`, and how many of them are read.
    private mutating func header(
        _ bytes: Span<UInt8>,
        limit: Int
    ) throws(FrameViolation) -> (Int, FrameHeader?) {
        if partialCount == 0, let header = try FrameHeader(bytes, limit: limit) {
            return (header.size, header)
        }
        // Byte by byte, as the length says where the header ends.
        for index in bytes.indices {
            partial[partialCount] = bytes[index]
            partialCount += 1
            let known = partial.span.extracting(0..<partialCount)
            if let header = try FrameHeader(known, limit: limit) {
                partialCount = 0
                return (index + 1, header)
            }
        }
        return (bytes.count, nil)
    }

    private mutating func begin(_ header: FrameHeader) throws(FrameViolation) {
        switch header.opcode {
        case .binary:
            guard !isFragmented else { throw .messageInMessage }
            isFragmented = !header.isFinal
        case .continuation:
            guard isFragmented else { throw .nothingToContinue }
            isFragmented = !header.isFinal
        case .close, .ping, .pong: control.removeAll()
        }
        opcode = header.opcode
        remaining = header.length
        masking = Masking(key: header.mask)
    }

    private mutating func takePayload(
        _ bytes: inout ByteBuffer,
        read: inout Int,
        write: inout Int,
        isControl: Bool
    ) {
        let count = min(remaining, bytes.count - read)
        var place = bytes.mutableSpan
        // A control frame's payload is unmasked where it is, and leaves no trace among the packets.
        let target = isControl ? read : write
        masking.unmask(&place, from: read, to: target, count: count)
        if isControl {
            control.append(bytes.span.extracting(read..<read + count))
        } else {
            write += count
        }
        read += count
        remaining -= count
    }

    /// Gives the memory of the last control frame back.
    mutating func forgetControl() { control.removeAll(keepingCapacity: false) }
}

/// What a client's frame may not be; each ends the WebSocket.
public enum FrameViolation: Error, CaseIterable, Sendable {
    /// A reserved bit without an extension that gives it a meaning (RFC 6455, 5.2).
    case reservedBits
    case unknownOpcode

    /// Every client frame is masked (5.1).
    case unmasked

    /// Another data frame than a binary one ([MQTT-6.0.0-1]).
    case textFrame
    case fragmentedControlFrame

    /// A control frame of more than 125 bytes (5.5).
    case controlFrameTooLong

    /// A continuation of no message (5.4).
    case nothingToContinue

    /// A new message in the middle of another (5.4).
    case messageInMessage

    /// A length in more bytes than it takes, or with the highest bit of 64 set (5.2).
    case lengthNotMinimal

    /// More than this server takes in one frame.
    case frameTooLarge

    /// A Close frame of one byte, or with a code that may not be sent (5.5.1, 7.4).
    case closeCode

    /// A Close frame whose reason is not UTF-8 (5.5.1).
    case closeReason

    /// What to close with (7.4.1).
    public var closeCode: CloseCode {
        switch self {
        case .textFrame: .unsupportedData
        case .frameTooLarge: .messageTooBig
        case .closeReason: .invalidData
        case .reservedBits, .unknownOpcode, .unmasked, .fragmentedControlFrame,
            .controlFrameTooLong, .nothingToContinue, .messageInMessage, .lengthNotMinimal,
            .closeCode:
            .protocolError
        }
    }
}
