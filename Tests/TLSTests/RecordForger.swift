import Bytes

@testable import TLS

/// A client with the right keys that seals what no honest one would.
struct RecordForger: ~Copyable {
    let suite: RecordSuite
    var keys: RecordKeys
    private var ciphers = RecordCiphers()

    /// Type, first bytes and length of what was made.
    private(set) var log: [String] = []

    /// The client of this server.
    init(of server: RecordState) {
        suite = server.suite
        keys = server.incoming
    }

    /// Begins again, as the client of this server of the same suite.
    mutating func restart(of server: RecordState) {
        keys = server.incoming
        log = []
    }

    /// A record whose content is of this type. In TLS 1.3 zeros follow the type; a type of zero leaves it out, so
    /// that there is nothing but zeros behind the content.
    mutating func record(
        _ type: UInt8,
        _ content: [UInt8],
        padding: Int = 0,
        version: (UInt8, UInt8) = (3, 3)
    ) -> [UInt8] {
        log.append("\(type) \(content.prefix(5)) of \(content.count)")
        let isVersion13 = suite.version == .v1_3
        var inner = content
        if isVersion13 { inner += [type] + [UInt8](repeating: 0, count: padding) }
        var explicit: [UInt8] = []
        var nonce = keys.nonce
        if suite.explicitNonceLength > 0 {
            nonce = keys.nonce(showing: keys.number)
            explicit = (0..<8).map { UInt8(truncatingIfNeeded: keys.number >> (56 - 8 * $0)) }
        }
        let length = explicit.count + inner.count + RecordCipher.tagLength
        let header = [
            isVersion13 ? 23 : type, version.0, version.1, UInt8(truncatingIfNeeded: length >> 8),
            UInt8(truncatingIfNeeded: length),
        ]
        let made = AdditionalData(number: keys.number, type: type, count: inner.count).bytes
        let additional = isVersion13 ? header : (0..<13).map { made[$0] }
        var sealed = [UInt8](repeating: 0, count: inner.count + RecordCipher.tagLength)
        // Safe: the arrays lend their bytes for the call, and the target is as long as content and tag.
        let isSealed = unsafe inner.withUnsafeBytes { inner in
            unsafe additional.withUnsafeBytes { additional in
                unsafe sealed.withUnsafeMutableBufferPointer { sealed in
                    unsafe ciphers.seal(
                        inner, trailer: nil, suite.cipher, &keys, nonce, additional: additional,
                        into: sealed.baseAddress!)
                }
            }
        }
        precondition(isSealed)
        keys.number += 1
        return header + explicit + sealed
    }

    mutating func data(_ text: String, padding: Int = 0) -> [UInt8] {
        record(23, Array(text.utf8), padding: padding)
    }

    mutating func alert(_ level: UInt8, _ alert: TLSAlert) -> [UInt8] {
        record(21, [level, alert.rawValue])
    }

    /// A KeyUpdate, and new keys.
    mutating func keyUpdate(asking: Bool = false) -> [UInt8] {
        let record = record(22, [24, 0, 0, 1, asking ? 1 : 0])
        updateKeys()
        return record
    }

    mutating func updateKeys() {
        keys.update(suite)
    }
}

/// What a server makes of bytes: of OpenSSL's or of ours.
struct RecordOutcome: Equatable, CustomStringConvertible {
    enum End: Equatable {
        case open
        case closed
        case peerAlert(UInt8)
        case violation
        case other(String)
    }

    var plaintext: [UInt8] = []
    var end = End.open

    /// What the peer was told.
    var alert: UInt8?

    var description: String {
        "\(plaintext.count) bytes, \(end), told \(alert.map { "\($0)" } ?? "nothing")"
    }

    /// Takes note of how a call ended, and of the alert in what is to be sent, which `client` opens.
    init(
        plaintext: [UInt8],
        output: [UInt8],
        openedBy client: RecordState,
        _ result: Result<TLSSessionState, TLSError>
    ) {
        self.plaintext = plaintext
        switch result {
        case .success(.closed): end = .closed
        case .success: end = .open
        case .failure(let error):
            switch error.reason {
            case .peerAlert(let alert): end = .peerAlert(alert.rawValue)
            case .protocolViolation: end = .violation
            default: end = .other(error.description)
            }
        }
        read(output, openedBy: client)
    }

    private mutating func read(_ output: [UInt8], openedBy client: RecordState) {
        var client = client
        var ciphers = RecordCiphers()
        var nothing = ByteBuffer()
        var answer = ByteBuffer()
        var offset = 0
        while let count = Handshake.wholeRecord(in: output.span.extracting(offset..<output.count)) {
            // Anew each time, as it counts what it is sent in vain.
            client = RecordState(
                suite: client.suite, incoming: client.incoming, outgoing: client.outgoing)
            do throws(RecordFault) {
                let record = output.span.extracting(offset..<offset + count)
                let told = try client.take(
                    record, with: &ciphers, into: &nothing, output: &answer)
                if let told { alert = told.rawValue }
                if client.condition == .closedByPeer { alert = 0 }
            } catch {
                // A warning that we take for the answer to something else.
                if error != .refusedRenegotiation { end = .other("unreadable answer: \(error)") }
            }
            offset += count
        }
        if offset < output.count { end = .other("an answer in part") }
    }
}

extension RecordState {
    /// The peer's view of it.
    var mirrored: RecordState {
        RecordState(suite: suite, incoming: outgoing, outgoing: incoming)
    }

    /// What it makes of bytes that come in pieces.
    mutating func outcome(of pieces: [[UInt8]], with ciphers: inout RecordCiphers) -> RecordOutcome
    {
        var output = ByteBuffer()
        return outcome(of: pieces, with: &ciphers, output: &output)
    }

    /// The same, and what it answers.
    mutating func outcome(
        of pieces: [[UInt8]],
        with ciphers: inout RecordCiphers,
        output: inout ByteBuffer
    ) -> RecordOutcome {
        let client = mirrored
        var part = PartialRecord()
        var plaintext = ByteBuffer()
        var result = Result<TLSSessionState, TLSError>.success(.open)
        for piece in pieces {
            do throws(TLSError) {
                result = .success(
                    try receive(
                        piece.span, part: &part, with: &ciphers, into: &plaintext, output: &output))
            } catch {
                result = .failure(error)
                break
            }
        }
        return RecordOutcome(
            plaintext: plaintext.span.bytesArray, output: output.span.bytesArray, openedBy: client,
            result)
    }
}

/// A server in memory whose handshake is over, with its keys taken and OpenSSL's session still there.
struct EstablishedServer: ~Copyable {
    var handshake: Handshake
    var port = TLSPort()
    var records: RecordState

    init(client clientContext: TLSContext, server serverContext: TLSContext) throws {
        var client = try TLSSession(connecting: clientContext)
        var handshake = try Handshake(accepting: serverContext)
        var port = TLSPort()
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()
        var received = ByteBuffer()
        var isComplete = false
        while !isComplete {
            _ = try client.receive(
                toClient.span, through: &port, into: &received, output: &toServer)
            toClient.removeAll()
            while let count = Handshake.wholeRecord(in: toServer.span) {
                isComplete = try handshake.take(
                    toServer.span.extracting(0..<count), through: &port, output: &toClient)
                toServer.removeFirst(count)
            }
        }
        guard let records = handshake.handOver() else { preconditionFailure("not handed over") }
        self.handshake = handshake
        self.records = records
    }

    /// What OpenSSL makes of the bytes.
    mutating func opensslOutcome(of bytes: [UInt8]) -> RecordOutcome {
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        var result = Result<TLSSessionState, TLSError>.success(.open)
        do throws(TLSError) {
            result = .success(
                try handshake.session.receive(
                    bytes.span, through: &port, into: &plaintext, output: &output))
        } catch {
            result = .failure(error)
        }
        return RecordOutcome(
            plaintext: plaintext.span.bytesArray, output: output.span.bytesArray,
            openedBy: records.mirrored, result)
    }
}
