import Bytes
import Testing

@testable import TLS

/// The trace of RFC 8448, 3 ("Simple 1-RTT Handshake"): its application secrets, keys and records.
@Suite struct RecordVectorTests {
    private static let clientSecret = """
        9e40646ce79a7f9dc05af8889bce6552 875afa0b06df0087f792ebb7c17504a5
        """
    private static let serverSecret = """
        a11af9f05531f856ad47116b45a95032 8204b4f44bfb6b3a4b4f1f3fcb631643
        """

    /// Bytes 00 to 31, which both send.
    private static let text = (0..<50).map { UInt8($0) }

    private static let clientRecord = """
        17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc
        ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f 5a 62 92 a2 97 70 14 bd
        1e 3d ea e6 3a ee bb 21 69 49 15 e4
        """
    private static let serverRecord = """
        17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa
        1b 36 e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2
        ab f3 32 54 0d d0 32 e1 67 c2 95 5d
        """
    private static let clientAlert = """
        17 03 03 00 13 c9 87 27 60 65 56 66 b7 4d 7f f1 15 3e fd 6d b6 d0 b0 e3
        """
    private static let serverAlert = """
        17 03 03 00 13 b5 8f d6 71 66 eb f5 99 d2 47 20 cf be 7e fa 7a 88 64 a9
        """

    /// The server's, after its ticket in record 0.
    private func server() -> RecordState {
        var incoming = RecordKeys()
        var outgoing = RecordKeys()
        incoming.setSecret(bytes(Self.clientSecret).span, of: .aes128GCM)
        outgoing.setSecret(bytes(Self.serverSecret).span, of: .aes128GCM)
        outgoing.number = 1
        return RecordState(suite: .aes128GCM, incoming: incoming, outgoing: outgoing)
    }

    private func bytes(_ text: String) -> [UInt8] {
        let digits = text.filter(\.isHexDigit)
        return stride(from: 0, to: digits.count, by: 2).map { index in
            let start = digits.index(digits.startIndex, offsetBy: index)
            return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
        }
    }

    @Test("[RFC 8448, 3] write keys come from the application traffic secrets")
    func keys() throws {
        let server = server()
        #expect(keyBytes(server.incoming, 16) == bytes("17422dda596ed5d9acd890e3c63f5051"))
        #expect(keyBytes(server.outgoing, 16) == bytes("9f02283b6c9c07efc26bb9f2ac92e356"))
        #expect(nonceBytes(server.incoming) == bytes("5b78923dee08579033e523d9"))
        // Record 1: the iv's last byte is another one.
        #expect(nonceBytes(server.outgoing) == bytes("cf782b88dd83549aadf1e985"))
    }

    @Test("[RFC 8448, 3] the client's record and its close_notify are opened")
    func opening() throws {
        var server = server()
        var ciphers = RecordCiphers()
        var part = PartialRecord()
        var plaintext = ByteBuffer()
        var output = ByteBuffer()
        var state = try server.receive(
            bytes(Self.clientRecord).span, part: &part, with: &ciphers, into: &plaintext,
            output: &output)
        #expect(state == .open)
        let text = plaintext.span.bytesArray
        #expect(text == Self.text)
        state = try server.receive(
            bytes(Self.clientAlert).span, part: &part, with: &ciphers, into: &plaintext,
            output: &output)
        #expect(state == .closed)
        let count = plaintext.count
        #expect(count == Self.text.count)
        let isSilent = output.isEmpty
        #expect(isSilent)
    }

    @Test("[RFC 8448, 3] the server's record and its close_notify are sealed")
    func sealing() throws {
        var server = server()
        var ciphers = RecordCiphers()
        var output = ByteBuffer()
        try server.send(Self.text.span, with: &ciphers, into: &output)
        let record = output.span.bytesArray
        #expect(record == bytes(Self.serverRecord))
        output.removeAll()
        server.close(with: &ciphers, into: &output)
        let alert = output.span.bytesArray
        #expect(alert == bytes(Self.serverAlert))
    }

    private func keyBytes(_ keys: RecordKeys, _ count: Int) -> [UInt8] {
        unsafe withUnsafeBytes(of: keys.key) { unsafe Array($0.prefix(count)) }
    }

    private func nonceBytes(_ keys: RecordKeys) -> [UInt8] {
        unsafe withUnsafeBytes(of: keys.nonce.words) { unsafe Array($0) }
    }
}
