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
        default: .protocolError
        }
    }
}
