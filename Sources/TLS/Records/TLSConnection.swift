public import Bytes
internal import COpenSSL

/// A TLS connection of a peer that connects to us: OpenSSL shakes hands, and once that is done our own records take
/// over, and its SSL(3) of 14 KB goes away. An idle connection is then 16 bytes here and 250 on the heap.
///
/// It is used as a `TLSSession` is: ciphertext in, ciphertext out, no descriptor, and every call passes the port of the
/// thread that makes it. A shard
///
/// 1. makes it for an accepted socket: `TLSConnection(accepting: context)`, whose context was made with a
///    `SecretSource` that is proven;
/// 2. gives what it reads to `receive`, whole as it came, and **sends what is in `output` afterwards before it sends
///    anything else**, also when the call throws: records are numbered in the order in which they were made;
/// 3. gives what it has to say to `send`, all that is ready at once, so that it goes into few records;
/// 4. at the end calls `close`, if the peer is to hear of it, and in any case `forget`, so that no context of the port
///    holds its keys any longer; the connection's own copy is wiped when the value goes away.
///
/// It may be given to another thread between two calls, once it is established: nothing of it is in the port.
///
/// Sessions that our records are not proven for (`RecordSuite` has the list, and in TLS 1.3 the traffic secrets are
/// needed) stay with OpenSSL, and nothing but their memory tells the difference.
@safe
public struct TLSConnection: ~Copyable, Sendable {
    // Safe: both are owned by this value alone, used by one call at a time, and freed once. One of them is there: the
    // handshake, also when its session stays with OpenSSL, or what has taken over from it.
    private nonisolated(unsafe) var handshake: UnsafeMutablePointer<Handshake>?
    private nonisolated(unsafe) var established: UnsafeMutablePointer<Established>?

    /// A connection whose peer speaks first. Throws `.library` when there is no memory.
    public init(accepting context: TLSContext) throws(TLSError) {
        let made = try Handshake(accepting: context)
        unsafe handshake = .allocate(capacity: 1)
        unsafe handshake?.initialize(to: made)
        unsafe established = nil
    }

    deinit {
        unsafe handshake?.deinitialize(count: 1)
        unsafe handshake?.deallocate()
        unsafe established?.pointee.records.wipe()
        unsafe established?.deinitialize(count: 1)
        unsafe established?.deallocate()
    }

    /// Takes all of `ciphertext`, as much as one or many records, or a part of one; appends the plaintext to
    /// `plaintext`, decrypted straight into it, and what the protocol answers (handshake, tickets, alerts, KeyUpdate)
    /// to `output`. An incomplete record is kept inside, and costs memory until it is complete.
    ///
    /// Throws `.peerAlert`, `.refusedCertificate`, `.unprovenKeys`, `.protocolViolation` or `.library`, after which the connection has
    /// ended; plaintext that came before the failure has been appended. After `.closed` whatever comes is not looked
    /// at; when the connection has ended, the call throws `.ended`.
    public mutating func receive(
        _ ciphertext: Span<UInt8>,
        through port: inout TLSPort,
        into plaintext: inout ByteBuffer,
        output: inout ByteBuffer
    ) throws(TLSError) -> TLSSessionState {
        var taken = 0
        if unsafe established == nil {
            guard try shakeHands(ciphertext, &taken, through: &port, output: &output) else {
                return .handshaking
            }
        }
        let rest = ciphertext.extracting(taken..<ciphertext.count)
        if let established = unsafe established {
            return try unsafe established.pointee.records.receive(
                rest, part: &established.pointee.part, with: &port.ciphers, into: &plaintext,
                output: &output)
        }
        guard let handshake = unsafe handshake else { preconditionFailure("one of them is there") }
        return try unsafe handshake.pointee.session.receive(
            rest, through: &port, into: &plaintext, output: &output)
    }

    /// Encrypts all of `plaintext`, in as few records as may be, and appends them to `output`. The connection must be
    /// established.
    ///
    /// Throws `.ended` when the connection has ended, else `.library`, which ends it.
    public mutating func send(
        _ plaintext: Span<UInt8>,
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) {
        if let established = unsafe established {
            return try unsafe established.pointee.records.sendAll(
                plaintext, with: &port.ciphers, into: &output)
        }
        guard let handshake = unsafe handshake else { preconditionFailure("one of them is there") }
        try unsafe handshake.pointee.session.send(plaintext, through: &port, output: &output)
    }

    /// Ends our side: appends the alert `close_notify` if the connection is established. Nothing can be sent
    /// afterwards, and what the peer may still send is of no interest.
    public mutating func close(through port: inout TLSPort, output: inout ByteBuffer) {
        if let established = unsafe established {
            unsafe established.pointee.records.close(with: &port.ciphers, into: &output)
        } else {
            unsafe handshake?.pointee.session.close(through: &port, output: &output)
        }
    }

    /// Has the port forget the connection's keys, before the connection goes away, or to another thread.
    public mutating func forget(in port: inout TLSPort) {
        unsafe established?.pointee.records.forget(in: &port.ciphers)
    }

    /// Feeds the handshake record by record until it is complete, and hands over. `taken` is how much of `ciphertext`
    /// it took. Answers false while it wants more.
    private mutating func shakeHands(
        _ ciphertext: Span<UInt8>,
        _ taken: inout Int,
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) -> Bool {
        guard let handshake = unsafe handshake else { preconditionFailure("not established") }
        if unsafe handshake.pointee.session.isEstablished { return true }
        var part = PartialRecord()
        unsafe swap(&part, &handshake.pointee.part)
        while taken < ciphertext.count {
            let rest = ciphertext.extracting(taken..<ciphertext.count)
            var isComplete = false
            if part.isEmpty, let count = Handshake.wholeRecord(in: rest) {
                taken += count
                isComplete = try unsafe handshake.pointee.take(
                    rest.extracting(0..<count), through: &port, output: &output)
            } else {
                taken += part.fill(from: rest)
                guard Handshake.wholeRecord(in: part.span) != nil else { break }
                isComplete = try unsafe handshake.pointee.take(
                    part.span, through: &port, output: &output)
                part.clear()
            }
            if isComplete {
                try handOver(through: &port, output: &output)
                return true
            }
        }
        unsafe swap(&part, &handshake.pointee.part)
        return false
    }

    /// The handshake is complete: our records take over, if they can.
    private mutating func handOver(
        through port: inout TLSPort,
        output: inout ByteBuffer
    ) throws(TLSError) {
        guard let handshake = unsafe handshake else { preconditionFailure("not established") }
        guard let records = unsafe handshake.pointee.handOver() else {
            return unsafe handshake.pointee.stay()
        }
        let hasPending = unsafe handshake.pointee.hasPending
        let fresh = UnsafeMutablePointer<Established>.allocate(capacity: 1)
        unsafe fresh.initialize(
            to: Established(
                records: records, peer: handshake.pointee.session.peerIdentity,
                preSharedKey: handshake.pointee.session.preSharedKey))
        unsafe established = unsafe fresh
        // Safe: the only owner; SSL_free(3) comes with the session's end.
        unsafe handshake.deinitialize(count: 1)
        unsafe handshake.deallocate()
        unsafe self.handshake = nil
        guard hasPending else { return }
        unsafe fresh.pointee.records.end(
            telling: .unexpectedMessage, with: &port.ciphers, into: &output)
        throw TLSError(
            reason: .protocolViolation, attempt: "Shaking hands: a message behind Finished")
    }
}

// Facts.
extension TLSConnection {
    /// Whether the handshake is complete.
    public var isEstablished: Bool {
        guard let established = unsafe established else {
            return unsafe handshake?.pointee.session.isEstablished ?? false
        }
        return unsafe established.pointee.records.condition != .ended
    }

    /// Whether OpenSSL is needed no longer.
    public var isHandedOver: Bool { unsafe established != nil }

    /// Whether an earlier session was taken up, sparing signature and certificate.
    public var isResumed: Bool {
        unsafe established?.pointee.records.isResumed
            ?? (handshake?.pointee.isResumed ?? false)
    }

    /// The version agreed on; nil before that.
    public var version: TLSVersion? {
        unsafe established?.pointee.records.suite.version ?? handshake?.pointee.session.version
    }

    /// The cipher's name as of the standard, such as `TLS_AES_128_GCM_SHA256`; nil before one is agreed on.
    public var cipherName: String? {
        unsafe established?.pointee.records.suite.name ?? handshake?.pointee.session.cipherName
    }

    /// Who the peer is, by a certificate that was verified; nil when none was shown, or none is asked for.
    public var peerIdentity: PeerIdentity? {
        guard let established = unsafe established else {
            return unsafe handshake?.pointee.session.peerIdentity
        }
        return unsafe established.pointee.peer?.identity
    }

    /// Whose pre-shared key the peer has proved that it knows; nil when it has proved itself otherwise, or not.
    public var preSharedKey: PreSharedKeyProof? {
        guard let established = unsafe established else {
            return unsafe handshake?.pointee.session.preSharedKey
        }
        return unsafe established.pointee.peer?.preSharedKey
    }

    /// The identity that the peer has shown in a handshake that is not complete, or has failed: nothing is proved.
    public var namedIdentity: [UInt8]? { unsafe handshake?.pointee.named }
}

// For tests.
extension TLSConnection {
    /// What has taken over from OpenSSL, copied.
    var records: RecordState? { unsafe established?.pointee.records }

    mutating func withRecords(_ body: (inout RecordState) -> Void) {
        guard let established = unsafe established else { return }
        unsafe body(&established.pointee.records)
    }

    /// A KeyUpdate before its time.
    mutating func updateKey(through port: inout TLSPort, output: inout ByteBuffer) {
        guard let established = unsafe established else { return }
        do throws(RecordFault) {
            try unsafe established.pointee.records.sendKeyUpdate(with: &port.ciphers, into: &output)
        } catch {
            preconditionFailure(error.text)
        }
    }
}

/// What is left of a connection whose handshake is over.
struct Established: ~Copyable {
    var records: RecordState

    /// Of a record that has arrived in part.
    var part = PartialRecord()

    /// One pointer, as few peers show a certificate, or have a pre-shared key.
    let peer: Peer?

    init(records: RecordState, peer: PeerIdentity?, preSharedKey: PreSharedKeyProof?) {
        self.records = records
        self.peer =
            peer == nil && preSharedKey == nil ? nil : Peer(peer, preSharedKey)
    }

    final class Peer: Sendable {
        let identity: PeerIdentity?
        let preSharedKey: PreSharedKeyProof?

        init(_ identity: PeerIdentity?, _ preSharedKey: PreSharedKeyProof?) {
            self.identity = identity
            self.preSharedKey = preSharedKey
        }
    }
}
