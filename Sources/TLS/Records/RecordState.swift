internal import Bytes
internal import COpenSSL

/// All that a connection needs once its handshake is over: keys, numbers, limits, and what the peer has done in
/// vain. Some 220 plain bytes, where an SSL(3) has 14,000.
///
/// It reads no socket and keeps no record: whole records come in, as a part of one is kept by the connection.
struct RecordState: BitwiseCopyable, Sendable {
    enum Condition: UInt8 {
        case open
        /// The peer has sent `close_notify`; we may still send.
        case closedByPeer
        /// We have sent `close_notify` or a fatal alert, or have received one.
        case ended
    }

    /// What the peer has sealed, and what we seal.
    var incoming: RecordKeys
    var outgoing: RecordKeys

    let suite: RecordSuite

    /// The most plaintext in a record: 16,384, or what max_fragment_length agreed on (RFC 6066, 4).
    let fragmentLimit: UInt16
    var condition = Condition.open

    /// The handshake took up an earlier session.
    let isResumed: Bool

    /// A KeyUpdate has asked for one of ours (RFC 8446, 4.6.3).
    var owesKeyUpdate = false

    /// The start of a KeyUpdate that comes in several records.
    private var messageCount: UInt8 = 0
    private var message = InlineArray<5, UInt8>(repeating: 0)

    // Since there last was application data.
    private var emptyRecords: UInt8 = 0
    private var warnings: UInt8 = 0
    private var keyUpdates: UInt8 = 0

    /// How often a peer may do, without any application data, what costs us work and brings nothing. The limits of
    /// empty records and warnings are OpenSSL's.
    static var emptyRecordLimit: UInt8 { 32 }
    static var keyUpdateLimit: UInt8 { 32 }
    static var warningLimit: UInt8 { 4 }

    /// After so many records of ours the key is changed: AES-GCM's are good for 2^24.5 (RFC 8446, 5.5). TLS 1.2 can't
    /// change keys without a renegotiation, and knows no such limit.
    static var recordsPerKey: UInt64 { 1 << 24 }

    init(
        suite: RecordSuite,
        incoming: RecordKeys,
        outgoing: RecordKeys,
        fragmentLimit: Int = RecordHeader.plaintextLimit,
        isResumed: Bool = false
    ) {
        self.suite = suite
        self.incoming = incoming
        self.outgoing = outgoing
        self.fragmentLimit = UInt16(fragmentLimit)
        self.isResumed = isResumed
    }
}

// The end of the keys.
extension RecordState {
    /// Has no context hold the keys any longer.
    mutating func forget(in ciphers: inout RecordCiphers) {
        ciphers.forget(&incoming, suite.cipher)
        ciphers.forget(&outgoing, suite.cipher)
    }

    /// Leaves no byte of a key or a secret in memory (OPENSSL_cleanse(3)).
    mutating func wipe() {
        condition = .ended
        // Safe: plain bytes of ours, for which zeros are a value.
        unsafe withUnsafeMutableBytes(of: &incoming) {
            unsafe OPENSSL_cleanse($0.baseAddress, $0.count)
        }
        unsafe withUnsafeMutableBytes(of: &outgoing) {
            unsafe OPENSSL_cleanse($0.baseAddress, $0.count)
        }
    }
}

// MARK: In

extension RecordState {
    /// Takes one whole record: appends application data to `plaintext`, and what the protocol answers at once to
    /// `output`. What it owes besides is appended by `answer`, after the last record of a read.
    ///
    /// Answers the peer's fatal alert if that is what it was. Throws what the peer did wrong, before it is told.
    @inline(__always)
    mutating func take(
        _ record: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        into plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(RecordFault) -> TLSAlert? {
        let before = plaintext.count
        let type = try open(record, with: &ciphers, into: &plaintext)
        if type == RecordContent.applicationData.rawValue, messageCount == 0,
            plaintext.count > before
        {
            emptyRecords = 0
            warnings = 0
            keyUpdates = 0
            return nil
        }
        defer { plaintext.truncate(to: before) }
        let content = plaintext.span.extracting(before..<plaintext.count)
        return try takeControl(type, content, with: &ciphers, output: &output)
    }

    /// Anything but application data, and what of that is empty or out of place.
    @inline(never)
    private mutating func takeControl(
        _ type: UInt8,
        _ content: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        output: inout ByteBuffer
    ) throws(RecordFault) -> TLSAlert? {
        guard let type = RecordContent(rawValue: type) else { throw .unknownContent }
        guard messageCount == 0 || type == .handshake else { throw .interruptedMessage }
        guard content.count > 0 || type == .applicationData else { throw .emptyRecord }
        switch type {
        case .changeCipherSpec:
            throw .unknownContent
        case .applicationData:
            emptyRecords += 1
            guard emptyRecords <= Self.emptyRecordLimit else { throw .tooManyEmptyRecords }
            return nil
        case .alert:
            return try takeAlert(content)
        case .handshake:
            switch suite.version {
            case .v1_3: try takeKeyUpdate(content, with: &ciphers)
            case .v1_2: try refuseRenegotiation(content, with: &ciphers, output: &output)
            }
            return nil
        }
    }

    /// An alert (RFC 8446, 6; RFC 5246, 7.2). Answers a fatal one. In TLS 1.3 all are but `close_notify` and
    /// `user_canceled`, whatever level they name.
    private mutating func takeAlert(_ content: Span<UInt8>) throws(RecordFault) -> TLSAlert? {
        guard content.count == 2 else { throw .malformedAlert }
        let (level, alert) = (content[0], TLSAlert(rawValue: content[1]))
        switch suite.version {
        case .v1_3:
            if alert == .userCanceled { return try countWarning() }
        case .v1_2:
            if level == TLSAlert.fatalLevel { break }
            guard level == TLSAlert.warningLevel else { throw .unknownAlertLevel }
            if alert == .noRenegotiation { throw .refusedRenegotiation }
            if alert != .closeNotify { return try countWarning() }
        }
        let isClosed =
            alert == .closeNotify && (suite.version == .v1_3 || level == TLSAlert.warningLevel)
        condition = isClosed ? .closedByPeer : .ended
        return isClosed ? nil : alert
    }

    private mutating func countWarning() throws(RecordFault) -> TLSAlert? {
        warnings += 1
        guard warnings <= Self.warningLimit else { throw .tooManyWarnings }
        return nil
    }

    /// A KeyUpdate or a part of one: the only message that a client may send after the handshake (RFC 8446, 4.6).
    private mutating func takeKeyUpdate(
        _ content: Span<UInt8>,
        with ciphers: inout RecordCiphers
    ) throws(RecordFault) {
        for index in content.indices {
            guard messageCount < 5 else { throw .messageBehindKeyUpdate }
            let byte = content[index]
            message[Int(messageCount)] = byte
            messageCount += 1
            if messageCount == 1, byte != HandshakeType.keyUpdate { throw .unexpectedMessage }
            // Three bytes of length, which is one.
            if (2...4).contains(messageCount), byte != (messageCount == 4 ? 1 : 0) {
                throw .malformedKeyUpdate
            }
            if messageCount == 5, byte > 1 { throw .unknownKeyUpdateRequest }
        }
        guard messageCount == 5 else { return }
        messageCount = 0
        keyUpdates += 1
        guard keyUpdates <= Self.keyUpdateLimit else { throw .tooManyKeyUpdates }
        ciphers.forget(&incoming, suite.cipher)
        incoming.update(suite)
        // Several are answered by one.
        if message[4] == 1 { owesKeyUpdate = true }
    }

    /// A ClientHello is answered by a warning, after which no client goes on (RFC 5246, 7.2.2); any part of one
    /// counts as one.
    private mutating func refuseRenegotiation(
        _ content: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        output: inout ByteBuffer
    ) throws(RecordFault) {
        guard content[0] == HandshakeType.clientHello else { throw .unexpectedMessage }
        _ = try countWarning()
        try seal(.noRenegotiation, with: &ciphers, into: &output)
    }

    /// Opens a whole record, whose header has been checked, and appends its content; answers its type.
    @inline(__always)
    private mutating func open(
        _ record: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        into plaintext: inout ByteBuffer
    ) throws(RecordFault) -> UInt8 {
        let explicitLength = suite.explicitNonceLength
        let count = record.count - RecordHeader.length - explicitLength - RecordCipher.tagLength
        let isVersion13 = suite.version == .v1_3
        guard count >= (isVersion13 ? 1 : 0) else { throw .notAuthentic }
        guard incoming.number < .max else { throw .numbersUsedUp }
        var type = record[0]
        // Safe: a record is as long as it was found to be; the free region has room for `count`, which is what is
        // written.
        try unsafe record.withUnsafeBytes { record throws(RecordFault) in
            let payload = unsafe UnsafeRawBufferPointer(rebasing: record[RecordHeader.length...])
            var nonce = incoming.nonce
            if explicitLength > 0 {
                let explicit = unsafe payload.loadUnaligned(as: UInt64.self)
                nonce = incoming.nonce(showing: UInt64(bigEndian: explicit))
            }
            var additional = AdditionalData(number: incoming.number, type: type, count: count)
            let sealed = unsafe UnsafeRawBufferPointer(rebasing: payload[explicitLength...])
            _ = try unsafe plaintext.appendUnsafely(minimum: max(count, 1)) {
                region throws(RecordFault) in
                guard let target = unsafe region.baseAddress?.assumingMemoryBound(to: UInt8.self)
                else {
                    preconditionFailure("a region has an address")
                }
                let isAuthentic = unsafe withUnsafeBytes(of: &additional.bytes) { made in
                    unsafe ciphers.open(
                        sealed, suite.cipher, &incoming, nonce,
                        additional: isVersion13
                            ? UnsafeRawBufferPointer(rebasing: record.prefix(RecordHeader.length))
                            : made,
                        into: target)
                }
                guard isAuthentic else { throw .notAuthentic }
                var end = count
                if isVersion13 {
                    // Padding included (RFC 8446, 5.4).
                    guard count <= RecordHeader.plaintextLimit + 1 else { throw .recordTooLong }
                    repeat {
                        guard end > 0 else { throw .onlyPadding }
                        end -= 1
                        type = unsafe target[end]
                    } while type == 0
                }
                guard end <= Int(fragmentLimit) else { throw .recordTooLong }
                return end
            }
        }
        incoming.number += 1
        return type
    }
}

/// What TLS 1.2 authenticates along with a record (RFC 5246, 6.2.3.3); in TLS 1.3 that is the header as it stands.
struct AdditionalData {
    var bytes = InlineArray<13, UInt8>(repeating: 0)

    @inline(__always)
    init(number: UInt64, type: UInt8, count: Int) {
        for index in 0..<8 { bytes[index] = UInt8(truncatingIfNeeded: number >> (56 - 8 * index)) }
        bytes[8] = type
        bytes[9] = 3
        bytes[10] = 3
        bytes[11] = UInt8(truncatingIfNeeded: count >> 8)
        bytes[12] = UInt8(truncatingIfNeeded: count)
    }
}
