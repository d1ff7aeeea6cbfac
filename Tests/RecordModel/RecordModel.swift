/// What a server has to make of the bytes that come once the handshake is over, by the words of RFC 8446 and RFC 5246
/// alone: it has no keys, and knows a record to be authentic because it has been told what the client has sealed.
///
/// Where the standards leave the choice of an alert, it has all of them; where they leave a limit, it has the server's,
/// which the catalogue's page of records names.
public struct RecordModel: Sendable {
    public enum Version: Sendable {
        case v1_3
        case v1_2
    }

    public enum End: Equatable, Sendable {
        case open
        case closed
        case peerAlert(UInt8)
        case violation
    }

    /// What the client has sealed into a record, under which of its keys and as which record of that key.
    public struct Sealed: Sendable {
        let type: UInt8
        let content: [UInt8]
        let padding: Int
        let key: Int
        let number: Int

        public init(type: UInt8, content: [UInt8], padding: Int = 0, key: Int = 0, number: Int) {
            self.type = type
            self.content = content
            self.padding = padding
            self.key = key
            self.number = number
        }
    }

    /// Without any data between them: empty records, KeyUpdates, and warnings.
    private static let emptyLimit = 32
    private static let keyUpdateLimit = 32
    private static let warningLimit = 4

    public let version: Version

    /// By how much a record is longer than its content: nonce, and tag.
    private let expansion: Int
    private var sealed: [[UInt8]: Sealed] = [:]
    private var arrived: [UInt8] = []
    private var key = 0
    private var number = 0
    private var message: [UInt8] = []
    private var owesKeyUpdate = false
    private var emptyRecords = 0
    private var keyUpdates = 0
    private var warnings = 0

    public private(set) var plaintext: [UInt8] = []
    public private(set) var end = End.open

    /// What the client may be told at a violation.
    public private(set) var alerts: Set<UInt8> = []

    /// A record so long that it may be refused before all of it has come.
    public private(set) var mayEnd = false

    /// The records that the server sends: answers to KeyUpdates, warnings, and the alert of a violation.
    public private(set) var answers = 0

    /// Whole records that it has looked at.
    public private(set) var recordCount = 0

    /// - Parameters:
    ///   - explicitNonce: bytes of the nonce that each record shows (RFC 5288, 3).
    ///   - number: of the client's next record.
    public init(_ version: Version, explicitNonce: Int = 0, number: Int = 0) {
        self.version = version
        expansion = explicitNonce + 16
        self.number = number
    }

    /// Whether a part of a record has come and waits for the rest.
    public var isWaiting: Bool { end == .open && !arrived.isEmpty }

    /// Takes note of what an honest client seals.
    public mutating func note(_ record: [UInt8], _ content: Sealed) { sealed[record] = content }

    /// Takes what one read brings.
    public mutating func receive(_ bytes: [UInt8]) {
        guard end == .open else { return }
        arrived += bytes
        var offset = 0
        while end == .open, arrived.count - offset >= 5 {
            let header = arrived[offset..<offset + 5]
            let length = Int(arrived[offset + 3]) << 8 | Int(arrived[offset + 4])
            takeHeader(Array(header), length)
            guard end == .open, arrived.count - offset >= 5 + length else { break }
            mayEnd = false
            takeRecord(Array(arrived[offset..<offset + 5 + length]))
            offset += 5 + length
        }
        arrived.removeFirst(min(offset, arrived.count))
        if owesKeyUpdate, end == .open || end == .closed { answers += 1 }
        owesKeyUpdate = false
    }

    private mutating func refuse(_ alerts: UInt8...) {
        self.alerts.formUnion(alerts)
        if end != .violation { answers += 1 }
        end = .violation
    }
}

/// `AlertDescription` (RFC 8446, 6; RFC 5246, 7.2).
extension RecordModel {
    fileprivate static let closeNotify: UInt8 = 0
    fileprivate static let unexpectedMessage: UInt8 = 10
    fileprivate static let badRecordMAC: UInt8 = 20
    fileprivate static let recordOverflow: UInt8 = 22
    fileprivate static let handshakeFailure: UInt8 = 40
    fileprivate static let illegalParameter: UInt8 = 47
    fileprivate static let decodeError: UInt8 = 50
    fileprivate static let protocolVersion: UInt8 = 70
    fileprivate static let userCanceled: UInt8 = 90
    fileprivate static let noRenegotiation: UInt8 = 100
}

// Records.
extension RecordModel {
    private mutating func takeHeader(_ header: [UInt8], _ length: Int) {
        switch version {
        case .v1_3:
            // 5: nothing comes in the clear any more.
            if header[0] != 23 { refuse(Self.unexpectedMessage) }
            // 5.2: always 0x0303; the server tells another major version from a field that is wrong.
            if header[1] != 3 {
                refuse(Self.protocolVersion)
            } else if header[2] != 3 {
                refuse(Self.decodeError)
            }
            if length > 16_384 + 256 { refuse(Self.recordOverflow) }
        case .v1_2:
            if header[1] != 3 || header[2] != 3 { refuse(Self.protocolVersion) }
            if length > 16_384 + 2_048 {
                refuse(Self.recordOverflow)
            } else if end == .open, length > 16_384 + expansion {
                // Either it is not authentic, or it is too long.
                mayEnd = true
                alerts = [Self.recordOverflow, Self.badRecordMAC]
            }
        }
    }

    private mutating func takeRecord(_ record: [UInt8]) {
        recordCount += 1
        guard let content = sealed[record], content.key == key, content.number == number else {
            return refuse(Self.badRecordMAC)
        }
        number += 1
        switch version {
        case .v1_3:
            let isPadding = content.type == 0 && content.content.allSatisfy { $0 == 0 }
            // 5.4: the whole of it, with type and padding.
            if content.content.count + 1 + content.padding > 16_385 { refuse(Self.recordOverflow) }
            if isPadding { refuse(Self.unexpectedMessage) }
            if end == .open, content.type == 0 { return takeUntyped(content.content) }
        case .v1_2:
            if content.content.count > 16_384 { refuse(Self.recordOverflow) }
        }
        if end == .open { take(content.type, content.content) }
    }

    /// The type is the last byte that is not zero, wherever the client has meant it to be.
    private mutating func takeUntyped(_ content: [UInt8]) {
        guard let index = content.lastIndex(where: { $0 != 0 }) else { return }
        take(content[index], Array(content[..<index]))
    }

    private mutating func take(_ type: UInt8, _ content: [UInt8]) {
        // 5.1: nothing comes between the parts of a message.
        if !message.isEmpty, type != 22 { refuse(Self.unexpectedMessage) }
        guard end == .open else { return }
        switch type {
        case 21:
            if content.isEmpty { return refuse(Self.unexpectedMessage) }
            takeAlert(content)
        case 22:
            if content.isEmpty { return refuse(Self.unexpectedMessage) }
            switch version {
            case .v1_3: takeMessage(content)
            case .v1_2: takeRenegotiation(content)
            }
        case 23:
            plaintext += content
            if content.isEmpty {
                emptyRecords += 1
                if emptyRecords > Self.emptyLimit { refuse(Self.unexpectedMessage) }
            } else {
                emptyRecords = 0
                keyUpdates = 0
                warnings = 0
            }
        default: refuse(Self.unexpectedMessage)
        }
    }
}

// What is not data.
extension RecordModel {
    private mutating func takeAlert(_ content: [UInt8]) {
        guard content.count == 2 else { return refuse(Self.decodeError) }
        let (level, description) = (content[0], content[1])
        switch version {
        case .v1_3:
            switch description {
            case Self.closeNotify: end = .closed
            case Self.userCanceled: takeWarning()
            default: end = .peerAlert(description)
            }
        case .v1_2:
            switch (level, description) {
            case (2, _): end = .peerAlert(description)
            case (1, Self.closeNotify): end = .closed
            case (1, Self.noRenegotiation): refuse(Self.handshakeFailure)
            case (1, _): takeWarning()
            default: refuse(Self.illegalParameter)
            }
        }
    }

    private mutating func takeWarning() {
        warnings += 1
        if warnings > Self.warningLimit { refuse(Self.unexpectedMessage) }
    }

    /// KeyUpdate (4.6.3), refused as soon as it can't be one.
    private mutating func takeMessage(_ content: [UInt8]) {
        message += content
        guard message[0] == 24 else { return refuse(Self.unexpectedMessage) }
        let length = message.dropFirst().prefix(3)
        guard length.elementsEqual([0, 0, 1].prefix(length.count)) else {
            return refuse(Self.decodeError)
        }
        // 5.1: the end of the message is the end of its record.
        if message.count > 5 { refuse(Self.unexpectedMessage) }
        if message.count >= 5, message[4] > 1 { refuse(Self.illegalParameter) }
        guard end == .open, message.count == 5 else { return }
        keyUpdates += 1
        if keyUpdates > Self.keyUpdateLimit { return refuse(Self.unexpectedMessage) }
        if message[4] == 1 { owesKeyUpdate = true }
        message = []
        key += 1
        number = 0
    }

    /// RFC 5246, 7.4.1.2: a ClientHello may be answered by a warning; anything else has no place.
    private mutating func takeRenegotiation(_ content: [UInt8]) {
        guard content[0] == 1 else { return refuse(Self.unexpectedMessage) }
        takeWarning()
        if end == .open { answers += 1 }
    }
}
