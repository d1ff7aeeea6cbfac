internal import Bytes
internal import COpenSSL

// MARK: Out

extension RecordState {
    /// Seals all of `plaintext` in as few records as may be, and appends them to `output`. The key is changed before
    /// its limit (RFC 8446, 5.5). Nothing may be sent by a connection that has ended.
    mutating func send(
        _ plaintext: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(RecordFault) {
        var offset = 0
        while offset < plaintext.count {
            if outgoing.number >= Self.recordsPerKey, suite.version == .v1_3 {
                try sendKeyUpdate(with: &ciphers, into: &output)
            }
            let end = min(offset + Int(fragmentLimit), plaintext.count)
            try seal(
                .applicationData, plaintext.extracting(offset..<end), with: &ciphers, into: &output)
            offset = end
        }
    }

    /// `send`, in terms of a connection: a failure ends it.
    mutating func sendAll(
        _ plaintext: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(TLSError) {
        guard condition != .ended else { throw TLSError(reason: .ended, attempt: "Sending") }
        do throws(RecordFault) {
            try send(plaintext, with: &ciphers, into: &output)
        } catch {
            condition = .ended
            throw TLSError(fault: error, attempt: "Sending")
        }
    }

    /// Appends what is owed to the peer after the records of a read: the answer to its KeyUpdates.
    @inline(__always)
    mutating func answer(
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(RecordFault) {
        guard owesKeyUpdate else { return }
        try sendKeyUpdate(with: &ciphers, into: &output)
        owesKeyUpdate = false
    }

    /// Ends our side with `close_notify` (RFC 8446, 6.1).
    mutating func close(with ciphers: inout RecordCiphers, into output: inout ByteBuffer) {
        end(telling: .closeNotify, with: &ciphers, into: &output)
    }

    /// Ends the connection, and tells the peer why.
    @inline(never)
    mutating func end(
        telling alert: TLSAlert,
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) {
        guard condition != .ended else { return }
        condition = .ended
        do throws(RecordFault) {
            try seal(alert, with: &ciphers, into: &output)
        } catch {
            // What can't be said is not said: the socket is closed all the same.
        }
    }

    /// KeyUpdate, asking for none in return, under the old key; what follows is under the new one (RFC 8446, 4.6.3).
    @inline(never)
    mutating func sendKeyUpdate(
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(RecordFault) {
        let message: InlineArray<5, UInt8> = [HandshakeType.keyUpdate, 0, 0, 1, 0]
        try seal(.handshake, message.span, with: &ciphers, into: &output)
        ciphers.forget(&outgoing, suite.cipher)
        outgoing.update(suite)
    }

    /// An alert in a record of its own.
    mutating func seal(
        _ alert: TLSAlert,
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(RecordFault) {
        let level = alert.isFatal ? TLSAlert.fatalLevel : TLSAlert.warningLevel
        let bytes: InlineArray<2, UInt8> = [level, alert.rawValue]
        try seal(.alert, bytes.span, with: &ciphers, into: &output)
    }

    /// One record of at most 16,384 bytes.
    mutating func seal(
        _ type: RecordContent,
        _ content: Span<UInt8>,
        with ciphers: inout RecordCiphers,
        into output: inout ByteBuffer
    ) throws(RecordFault) {
        let isVersion13 = suite.version == .v1_3
        let explicitLength = suite.explicitNonceLength
        let payload =
            explicitLength + content.count + (isVersion13 ? 1 : 0) + RecordCipher.tagLength
        guard outgoing.number < .max else { throw .numbersUsedUp }
        // Safe: the free region has room for header and payload, which is what is written.
        let written = unsafe output.appendUnsafely(minimum: RecordHeader.length + payload) {
            region in
            guard let start = unsafe region.baseAddress?.assumingMemoryBound(to: UInt8.self) else {
                preconditionFailure("a region has an address")
            }
            unsafe start[0] = (isVersion13 ? RecordContent.applicationData : type).rawValue
            unsafe start[1] = 3
            unsafe start[2] = 3
            unsafe start[3] = UInt8(truncatingIfNeeded: payload >> 8)
            unsafe start[4] = UInt8(truncatingIfNeeded: payload)
            let body = unsafe start + RecordHeader.length
            var nonce = outgoing.nonce
            if explicitLength > 0 {
                let explicit = outgoing.explicitNonce
                nonce = outgoing.nonce(showing: explicit)
                unsafe UnsafeMutableRawPointer(body)
                    .storeBytes(of: explicit.bigEndian, as: UInt64.self)
            }
            let header = unsafe UnsafeRawBufferPointer(start: start, count: RecordHeader.length)
            var additional = AdditionalData(
                number: outgoing.number, type: type.rawValue, count: content.count)
            let isSealed = unsafe content.withUnsafeBytes { content in
                unsafe withUnsafeBytes(of: &additional.bytes) { made in
                    unsafe ciphers.seal(
                        content, trailer: isVersion13 ? type.rawValue : nil, suite.cipher,
                        &outgoing, nonce, additional: isVersion13 ? header : made,
                        into: body + explicitLength)
                }
            }
            return isSealed ? RecordHeader.length + payload : 0
        }
        guard written > 0 else { throw .cipherFailed }
        outgoing.number += 1
    }
}

/// `HandshakeType` of RFC 8446, B.3, as far as one may come after the handshake.
enum HandshakeType {
    static var clientHello: UInt8 { 1 }
    static var keyUpdate: UInt8 { 24 }
}

extension TLSAlert {
    /// `AlertLevel` of RFC 8446, B.2.
    static var warningLevel: UInt8 { 1 }
    static var fatalLevel: UInt8 { 2 }

    /// Of those that we send.
    var isFatal: Bool { self != .closeNotify && self != .noRenegotiation }
}
