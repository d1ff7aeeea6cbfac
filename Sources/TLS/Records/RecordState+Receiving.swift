internal import Bytes

// A read's worth of records.
extension RecordState {
    /// Takes all of `ciphertext`, as much as one or many records, or a part of one; see `TLSConnection.receive`.
    mutating func receive(
        _ ciphertext: Span<UInt8>,
        part: inout PartialRecord,
        with ciphers: inout RecordCiphers,
        into plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(TLSError) -> TLSSessionState {
        switch condition {
        case .open: break
        case .closedByPeer: return .closed
        case .ended: throw TLSError(reason: .ended, attempt: "Receiving")
        }
        var alert: TLSAlert?
        do throws(RecordFault) {
            alert = try takeAll(
                ciphertext, part: &part, with: &ciphers, into: &plaintext, output: &output)
            // Nothing is sent after the peer's fatal alert (RFC 8446, 6.2).
            if alert == nil { try answer(with: &ciphers, into: &output) }
        } catch {
            end(telling: error.alert, with: &ciphers, into: &output)
            throw TLSError(fault: error, attempt: "Receiving")
        }
        if let alert { throw TLSError(reason: .peerAlert(alert), attempt: "Receiving") }
        return condition == .open ? .open : .closed
    }

    /// Answers the peer's fatal alert, if there is one. What follows an alert that ends the connection is not looked
    /// at (RFC 8446, 6.1).
    private mutating func takeAll(
        _ ciphertext: Span<UInt8>,
        part: inout PartialRecord,
        with ciphers: inout RecordCiphers,
        into plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(RecordFault) -> TLSAlert? {
        var offset = 0
        if !part.isEmpty {
            offset = part.fill(from: ciphertext)
            try part.header?.check(suite.version)
            guard part.isComplete else { return nil }
            let alert = try take(part.span, with: &ciphers, into: &plaintext, output: &output)
            part.clear()
            if let alert { return alert }
        }
        while condition == .open, ciphertext.count - offset >= RecordHeader.length {
            let header = RecordHeader(ciphertext, at: offset)
            try header.check(suite.version)
            guard ciphertext.count - offset >= header.recordLength else { break }
            let record = ciphertext.extracting(offset..<offset + header.recordLength)
            offset += header.recordLength
            if let alert = try take(record, with: &ciphers, into: &plaintext, output: &output) {
                return alert
            }
        }
        if condition == .open { part.append(ciphertext.extracting(offset..<ciphertext.count)) }
        return nil
    }
}

extension TLSError {
    init(fault: RecordFault, attempt: String) {
        self.init(
            reason: fault == .cipherFailed ? .library : .protocolViolation,
            attempt: "\(attempt): \(fault.text)"
        )
    }
}
