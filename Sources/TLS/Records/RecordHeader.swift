/// What a record carries, `ContentType` of RFC 8446, B.1.
enum RecordContent: UInt8, Sendable {
    case changeCipherSpec = 20
    case alert = 21
    case handshake = 22
    case applicationData = 23
}

/// The five bytes in front of a record: type, version, length (RFC 8446, 5.1 and 5.2; RFC 5246, 6.2).
struct RecordHeader: Equatable {
    static var length: Int { 5 }

    /// The most plaintext that a record carries (RFC 8446, 5.1).
    static var plaintextLimit: Int { 16_384 }

    /// 0x0303 in every record of a handshake that is over.
    static var version: UInt16 { 0x0303 }

    /// Of the content: in TLS 1.3 that of all protected records is application data.
    let type: UInt8
    let version: UInt16

    /// Bytes behind the header.
    let payloadLength: Int

    /// Of a record that begins at `offset`, where five bytes have to be.
    @inline(__always)
    init(_ bytes: Span<UInt8>, at offset: Int = 0) {
        type = bytes[offset]
        version = UInt16(bytes[offset + 1]) << 8 | UInt16(bytes[offset + 2])
        payloadLength = Int(bytes[offset + 3]) << 8 | Int(bytes[offset + 4])
    }

    /// Header and payload.
    var recordLength: Int { Self.length + payloadLength }

    /// Throws what a protected record's header can be wrong by. In TLS 1.2 the type is authenticated and looked at
    /// when that is done.
    @inline(__always)
    func check(_ spoken: TLSVersion) throws(RecordFault) {
        guard version >> 8 == 3 else { throw .unknownVersion }
        switch spoken {
        case .v1_3:
            guard type == RecordContent.applicationData.rawValue else { throw .unprotectedRecord }
            guard version == Self.version else { throw .wrongVersion }
            // Padding and type included (RFC 8446, 5.2).
            guard payloadLength <= Self.plaintextLimit + 256 else { throw .recordTooLong }
        case .v1_2:
            guard version == Self.version else { throw .unknownVersion }
            // OpenSSL's limit without compression. RFC 5246, 6.2.3 allows 2,048; what we speak needs 24.
            guard payloadLength <= Self.plaintextLimit + 320 else { throw .recordTooLong }
        }
    }
}

/// What a peer can do wrong once the handshake is over, and what it is told (RFC 8446, 6.2).
enum RecordFault: Error, Equatable, Sendable {
    /// TLS 1.3: a record in the clear, such as a change_cipher_spec, which has its place before Finished only.
    case unprotectedRecord
    case unknownVersion
    case wrongVersion
    case recordTooLong
    case notAuthentic

    /// TLS 1.3: nothing but padding (RFC 8446, 5.4).
    case onlyPadding
    case unknownContent
    case malformedAlert
    case unknownAlertLevel

    /// TLS 1.2: the answer to a renegotiation that we never ask for.
    case refusedRenegotiation

    /// A handshake record or an alert without content (RFC 8446, 5.4).
    case emptyRecord

    /// Something else between the parts of a handshake message (RFC 8446, 5.1).
    case interruptedMessage

    /// Any but KeyUpdate, and in TLS 1.2 but a ClientHello, which is refused more gently.
    case unexpectedMessage
    case malformedKeyUpdate
    case unknownKeyUpdateRequest

    /// Bytes behind a KeyUpdate in its record, which are of the old key (RFC 8446, 5.1).
    case messageBehindKeyUpdate
    case tooManyEmptyRecords
    case tooManyKeyUpdates
    case tooManyWarnings

    /// 2^64 records under one key (RFC 8446, 5.3).
    case numbersUsedUp

    /// OpenSSL, for want of memory.
    case cipherFailed

    var alert: TLSAlert {
        switch self {
        case .unprotectedRecord, .onlyPadding, .unknownContent, .emptyRecord, .interruptedMessage,
            .unexpectedMessage, .messageBehindKeyUpdate, .tooManyEmptyRecords, .tooManyKeyUpdates,
            .tooManyWarnings:
            .unexpectedMessage
        case .unknownVersion: .protocolVersion
        case .wrongVersion, .malformedAlert, .malformedKeyUpdate: .decodeError
        case .recordTooLong: .recordOverflow
        case .notAuthentic: .badRecordMAC
        case .unknownAlertLevel, .unknownKeyUpdateRequest: .illegalParameter
        case .refusedRenegotiation: .handshakeFailure
        case .numbersUsedUp, .cipherFailed: .internalError
        }
    }

    /// For people, behind "Receiving: ".
    var text: String {
        switch self {
        case .unprotectedRecord: "a record in the clear"
        case .unknownVersion, .wrongVersion: "a record of another version"
        case .recordTooLong: "a record that is too long"
        case .notAuthentic: "a record that is not authentic"
        case .onlyPadding: "a record of padding only"
        case .unknownContent: "a record of an unknown type"
        case .malformedAlert: "an alert that is not two bytes long"
        case .unknownAlertLevel: "an alert of an unknown level"
        case .refusedRenegotiation: "a renegotiation refused that was not asked for"
        case .emptyRecord: "a handshake record or an alert without content"
        case .interruptedMessage: "a handshake message that is interrupted"
        case .unexpectedMessage: "an unexpected handshake message"
        case .malformedKeyUpdate: "a KeyUpdate of a wrong length"
        case .unknownKeyUpdateRequest: "a KeyUpdate with an unknown request"
        case .messageBehindKeyUpdate: "bytes behind a KeyUpdate in its record"
        case .tooManyEmptyRecords: "too many empty records"
        case .tooManyKeyUpdates: "too many KeyUpdates"
        case .tooManyWarnings: "too many warnings"
        case .numbersUsedUp: "no record number left"
        case .cipherFailed: "the cipher failed"
        }
    }
}
