import Bytes
import COpenSSL
import Testing

@testable import TLS

/// What a peer may do wrong, and what it is told: the clauses of RFC 8446, 5 and 6, and of RFC 5246, 6 and 7.
@Suite struct RecordFaultTests {
    let fixture = CertificateFixture()

    /// A server's records, as they are after the handshake.
    private func server(_ setting: RecordSetting) throws -> RecordState {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let server = try EstablishedServer(client: client, server: setting.server(fixture))
        return server.records
    }

    /// What the server makes of the records that `forge` makes.
    private func outcome(
        _ setting: RecordSetting,
        _ forge: (inout RecordForger) -> [[UInt8]]
    ) throws -> RecordOutcome {
        var server = try server(setting)
        var forger = RecordForger(of: server)
        let records = forge(&forger)
        var ciphers = RecordCiphers()
        // Whole, and byte by byte: it is all the same.
        var again = server
        let whole = server.outcome(of: [records.flatMap { $0 }], with: &ciphers)
        let pieces = records.flatMap { $0 }.map { [$0] }
        #expect(again.outcome(of: pieces, with: &ciphers) == whole)
        #expect(ERR_peek_error() == 0)
        return whole
    }

    private static let newest = RecordSetting.all[0]
    private static let older = RecordSetting.all[3]

    /// A fault, and the alert for it.
    struct Case: Sendable, CustomStringConvertible {
        let description: String
        let alert: TLSAlert
        let forge: @Sendable (inout RecordForger) -> [[UInt8]]

        init(
            _ description: String,
            _ alert: TLSAlert,
            _ forge: @escaping @Sendable (inout RecordForger) -> [[UInt8]]
        ) {
            self.description = description
            self.alert = alert
            self.forge = forge
        }
    }

    /// Of both versions.
    private static let common: [Case] = [
        Case("a tag that is wrong", .badRecordMAC) { forger in
            var record = forger.data("x")
            record[record.count - 1] ^= 1
            return [record]
        },
        Case("a ciphertext that was changed", .badRecordMAC) { forger in
            var record = forger.data("some text")
            record[record.count - 18] ^= 0x80
            return [record]
        },
        Case("a record that comes twice", .badRecordMAC) { forger in
            let record = forger.data("x")
            return [record, record]
        },
        Case("a record that is missing", .badRecordMAC) { forger in
            _ = forger.data("x")
            return [forger.data("y")]
        },
        Case("records that changed places", .badRecordMAC) { forger in
            let first = forger.data("x")
            return [forger.data("y"), first]
        },
        Case("a record without room for a tag", .badRecordMAC) { _ in
            [[23, 3, 3, 0, 15] + [UInt8](repeating: 7, count: 15)]
        },
        Case("an empty payload", .badRecordMAC) { _ in [[23, 3, 3, 0, 0]] },
        Case("a major version that there is none of", .protocolVersion) { forger in
            var record = forger.data("x")
            record[1] = 2
            return [record]
        },
        Case("a length beyond the limit, before the rest has come", .recordOverflow) { _ in
            [[23, 3, 3, 0x41, 0x41]]
        },
        Case("too much plaintext", .recordOverflow) { forger in
            [forger.record(23, [UInt8](repeating: 7, count: 16_385))]
        },
        Case("an unknown type", .unexpectedMessage) { [$0.record(24, [1])] },
        Case("a protected change_cipher_spec", .unexpectedMessage) { [$0.record(20, [1])] },
        Case("an alert of one byte", .decodeError) { [$0.record(21, [1])] },
        Case("an alert of three bytes", .decodeError) { [$0.record(21, [1, 0, 0])] },
        Case("an empty alert", .unexpectedMessage) { [$0.record(21, [])] },
        Case("an empty handshake record", .unexpectedMessage) { [$0.record(22, [])] },
        Case("33 empty records", .unexpectedMessage) { forger in
            (0..<33).map { _ in forger.record(23, []) }
        },
        Case("a HelloRequest", .unexpectedMessage) { [$0.record(22, [0, 0, 0, 0])] },
        Case("a Finished", .unexpectedMessage) { [$0.record(22, [20, 0, 0, 1, 0])] },
    ]

    private static let v1_3: [Case] = [
        Case("a change_cipher_spec in the clear", .unexpectedMessage) { _ in [[20, 3, 3, 0, 1, 1]]
        },
        Case("an alert in the clear", .unexpectedMessage) { _ in [[21, 3, 3, 0, 2, 2, 40]] },
        Case("a handshake record in the clear", .unexpectedMessage) { _ in
            [[22, 3, 3, 0, 5, 24, 0, 0, 1, 0]]
        },
        Case("another minor version", .decodeError) { [$0.record(23, [1], version: (3, 4))] },
        Case("nothing but padding", .unexpectedMessage) { [$0.record(0, [], padding: 20)] },
        Case("no type at all", .unexpectedMessage) { [$0.record(0, [])] },
        Case("padding beyond the limit", .recordOverflow) { forger in
            [forger.record(23, [1], padding: 16_384)]
        },
        Case("an unknown fatal alert before anything else", .unexpectedMessage) { forger in
            [forger.record(22, [24, 0]), forger.record(21, [2, 40])]
        },
        Case("data between the parts of a message", .unexpectedMessage) { forger in
            [forger.record(22, [24]), forger.data("x")]
        },
        Case("an empty record between the parts of a message", .unexpectedMessage) { forger in
            [forger.record(22, [24]), forger.record(23, [])]
        },
        Case("a KeyUpdate of two bytes", .decodeError) { [$0.record(22, [24, 0, 0, 2, 0, 0])] },
        Case("a KeyUpdate of none", .decodeError) { [$0.record(22, [24, 0, 0, 0])] },
        Case("a KeyUpdate of 64 KB", .decodeError) { [$0.record(22, [24, 1, 0, 0])] },
        Case("a KeyUpdate that asks for something else", .illegalParameter) { forger in
            [forger.record(22, [24, 0, 0, 1, 2])]
        },
        Case("bytes behind a KeyUpdate", .unexpectedMessage) { forger in
            [forger.record(22, [24, 0, 0, 1, 0, 24])]
        },
        Case("the old key after a KeyUpdate", .badRecordMAC) { forger in
            [forger.record(22, [24, 0, 0, 1, 0]), forger.data("x")]
        },
        Case("a ClientHello", .unexpectedMessage) { [$0.record(22, [1, 0, 0, 1, 0])] },
        Case("a Certificate that was not asked for", .unexpectedMessage) { forger in
            [forger.record(22, [11, 0, 0, 1, 0])]
        },
        Case("33 KeyUpdates", .unexpectedMessage) { forger in
            (0..<33).map { _ in forger.keyUpdate(asking: true) }
        },
        Case("five times user_canceled", .unexpectedMessage) { forger in
            (0..<5).map { _ in forger.alert(1, .userCanceled) }
        },
    ]

    private static let v1_2: [Case] = [
        Case("another minor version", .protocolVersion) { [$0.record(23, [1], version: (3, 2))] },
        Case("a type that was changed", .badRecordMAC) { forger in
            var record = forger.data("x")
            record[0] = 22
            return [record]
        },
        Case("an alert of an unknown level", .illegalParameter) { [$0.alert(3, .userCanceled)] },
        Case("a renegotiation that we have not asked for, refused", .handshakeFailure) { forger in
            [forger.alert(1, .noRenegotiation)]
        },
        Case("five warnings", .unexpectedMessage) { forger in
            (0..<5).map { _ in forger.alert(1, .userCanceled) }
        },
        Case("five attempts to renegotiate", .unexpectedMessage) { forger in
            (0..<5).map { _ in forger.record(22, [1, 0, 0, 1, 0]) }
        },
    ]

    @Test("[RFC 8446, 6.2] a fault of TLS 1.3 has its alert", arguments: common + v1_3)
    func newest(fault: Case) throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            let outcome = try outcome(setting, fault.forge)
            #expect(outcome.alert == fault.alert.rawValue, "\(setting): \(outcome)")
            #expect(outcome.end == .violation)
        }
    }

    @Test("[RFC 5246, 7.2.2] a fault of TLS 1.2 has its alert", arguments: common + v1_2)
    func older(fault: Case) throws {
        for setting in RecordSetting.all where setting.version == .v1_2 {
            let outcome = try outcome(setting, fault.forge)
            #expect(outcome.alert == fault.alert.rawValue, "\(setting): \(outcome)")
            #expect(outcome.end == .violation)
        }
    }

    @Test("what is odd but allowed is taken", arguments: RecordSetting.all)
    func oddities(setting: RecordSetting) throws {
        let full = String(repeating: "x", count: 16_384)
        let outcome = try outcome(setting) { forger in
            var records = (0..<32).map { _ in forger.record(23, []) }
            records += [forger.data("a"), forger.record(23, []), forger.data(full)]
            for _ in 0..<20 {
                records += (0..<4).map { _ in forger.alert(1, .userCanceled) }
                records.append(forger.data("b"))
            }
            return records
        }
        #expect(outcome.end == .open, "\(outcome)")
        #expect(outcome.alert == nil)
        #expect(outcome.plaintext.count == 1 + 16_384 + 20)
    }

    @Test("[RFC 8446, 5.4] padding is taken off, of any length")
    func padding() throws {
        let outcome = try outcome(Self.newest) { forger in
            [0, 1, 15, 16, 255, 16_000].map { forger.data("x", padding: $0) }
        }
        #expect(outcome.plaintext == Array("xxxxxx".utf8))
    }

    @Test("[RFC 8446, 6.1] close_notify ends it, and what follows is not looked at")
    func closing() throws {
        for setting in RecordSetting.all {
            let outcome = try outcome(setting) { forger in
                [forger.data("last"), forger.alert(1, .closeNotify), [1, 2, 3, 4, 5, 6, 7, 8]]
            }
            #expect(outcome.end == .closed)
            #expect(outcome.plaintext == Array("last".utf8))
            #expect(outcome.alert == nil)
        }
    }

    @Test("[RFC 8446, 6.2] a fatal alert ends it, is told, and is not answered")
    func fatalAlert() throws {
        for setting in RecordSetting.all {
            let level: UInt8 = setting.version == .v1_3 ? 1 : 2
            let outcome = try outcome(setting) { [$0.alert(level, .internalError), $0.data("x")] }
            #expect(outcome.end == .peerAlert(80))
            #expect(outcome.plaintext.isEmpty)
            #expect(outcome.alert == nil)
        }
    }

    @Test(
        "[RFC 8446, 4.6.3] KeyUpdates are followed, also in five records, and one answers several")
    func keyUpdates() throws {
        var server = try server(Self.newest)
        var forger = RecordForger(of: server)
        var client = server.mirrored
        var bytes: [UInt8] = forger.data("a")
        for byte in [24, 0, 0, 1, 1] as [UInt8] { bytes += forger.record(22, [byte]) }
        forger.updateKeys()
        bytes += forger.data("b") + forger.keyUpdate(asking: true) + forger.data("c")
        bytes += forger.keyUpdate() + forger.data("d")
        var ciphers = RecordCiphers()
        var part = PartialRecord()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        _ = try server.receive(
            bytes.span, part: &part, with: &ciphers, into: &plaintext, output: &output)
        let text = String(copying: plaintext.span)
        #expect(text == "abcd")
        #expect(server.outgoing.number == 0)
        try server.send("answer".utf8Span.span, with: &ciphers, into: &output)
        plaintext.removeAll()
        var answer = ByteBuffer()
        _ = try client.receive(
            output.span, part: &part, with: &ciphers, into: &plaintext, output: &answer)
        let (received, isSilent) = (String(copying: plaintext.span), answer.isEmpty)
        #expect(received == "answer")
        #expect(isSilent)
    }

    @Test("[RFC 8446, 5.5] the key is changed before its limit, and OpenSSL follows")
    func keyLimit() throws {
        for setting in RecordSetting.all where setting.version == .v1_3 {
            let server = try setting.server(fixture)
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var link = try RecordLink(client: client, server: server)
            try link.run()
            var isUpdated = false
            // As many records as that are not sent here: the number goes up, and so does the client's.
            link.server.withRecords { records in
                records.outgoing.number = RecordState.recordsPerKey
                var ciphers = RecordCiphers()
                var output = ByteBuffer()
                var probe = records
                do throws(RecordFault) {
                    try probe.send("x".utf8Span.span, with: &ciphers, into: &output)
                } catch { Issue.record(error) }
                isUpdated = probe.outgoing.number == 1
            }
            #expect(isUpdated)
        }
    }

    @Test("[RFC 8446, 5.3] numbers don't wrap", arguments: RecordSetting.all)
    func numbers(setting: RecordSetting) throws {
        var server = try server(setting)
        var forger = RecordForger(of: server)
        forger.keys.number = .max
        server.incoming.number = .max
        var ciphers = RecordCiphers()
        var copy = server
        let record = [UInt8](repeating: 0, count: 40)
        let outcome = server.outcome(of: [[23, 3, 3, 0, 40] + record], with: &ciphers)
        #expect(outcome.end == .violation)
        #expect(outcome.alert == 80)
        copy.outgoing.number = .max
        var output = ByteBuffer()
        if setting.version == .v1_2 {
            #expect(throws: TLSError.self) {
                try copy.sendAll("x".utf8Span.span, with: &ciphers, into: &output)
            }
            #expect(throws: TLSError.self) {
                try copy.sendAll("x".utf8Span.span, with: &ciphers, into: &output)
            }
        }
    }

    @Test("[RFC 5246, 7.2.2] a renegotiation is refused by a warning, and the connection goes on")
    func renegotiation() throws {
        var server = try server(Self.older)
        var forger = RecordForger(of: server)
        var client = server.mirrored
        let bytes = forger.record(22, [1, 0, 0, 1, 0]) + forger.data("on")
        var ciphers = RecordCiphers()
        var part = PartialRecord()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        let state = try server.receive(
            bytes.span, part: &part, with: &ciphers, into: &plaintext, output: &output)
        let text = String(copying: plaintext.span)
        #expect(state == .open && text == "on")
        // The client takes it for a refusal of what it has asked for.
        var nothing = ByteBuffer()
        let error = #expect(throws: TLSError.self) {
            _ = try client.receive(
                output.span, part: &part, with: &ciphers, into: &plaintext, output: &nothing)
        }
        #expect(error?.attempt.contains("renegotiation") == true)
    }

    @Test("after the end nothing goes out, and what comes is refused", arguments: RecordSetting.all)
    func afterTheEnd(setting: RecordSetting) throws {
        var server = try server(setting)
        var forger = RecordForger(of: server)
        let record = forger.data("x")
        var ciphers = RecordCiphers()
        var part = PartialRecord()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        server.close(with: &ciphers, into: &output)
        output.removeAll()
        server.close(with: &ciphers, into: &output)
        let isSilent = output.isEmpty
        #expect(isSilent)
        var error = #expect(throws: TLSError.self) {
            try server.sendAll("x".utf8Span.span, with: &ciphers, into: &output)
        }
        #expect(error?.reason == .ended)
        error = #expect(throws: TLSError.self) {
            _ = try server.receive(
                record.span, part: &part, with: &ciphers, into: &plaintext, output: &output)
        }
        #expect(error?.reason == .ended)
    }

    @Test("what is wiped has no byte of a key or a secret left")
    func wiping() throws {
        for setting in RecordSetting.all {
            var server = try server(setting)
            server.wipe()
            for keys in [server.incoming, server.outgoing] {
                let isZero = unsafe withUnsafeBytes(of: keys) { unsafe $0.allSatisfy { $0 == 0 } }
                #expect(isZero)
            }
        }
    }
}
