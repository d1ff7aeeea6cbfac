import Bytes
import COpenSSL
import Testing

@testable import TLS

/// Early data are not taken (RFC 8446, 4.2.10): what a client sends is skipped, and the handshake goes on.
@Suite struct EarlyDataTests {
    let fixture = CertificateFixture()

    @Test("a client that sends early data shakes hands, and its early data are not heard")
    func skipped() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var first = try Link(client: client, server: server)
        try first.run()
        try first.sendToClient("ticket")
        try first.run()
        let issued = first.client.resumption
        let resumption = try #require(issued)
        // The server has allowed none; this client believes otherwise.
        #expect(unsafe SSL_SESSION_set_max_early_data(resumption.session, 16_384) == 1)

        let ssl = unsafe try #require(SSL_new(client.handle))
        defer { unsafe SSL_free(ssl) }
        let toClient = unsafe BIO_new(BIO_s_mem())
        let toServer = unsafe BIO_new(BIO_s_mem())
        unsafe SSL_set_bio(ssl, toClient, toServer)
        unsafe SSL_set_connect_state(ssl)
        #expect(unsafe SSL_set_session(ssl, resumption.session) == 1)
        var written = 0
        let early = Array("early".utf8)
        #expect(unsafe SSL_write_early_data(ssl, early, early.count, &written) == 1)

        var session = try TLSSession(accepting: server)
        var port = TLSPort()
        var heard = ByteBuffer()
        var isDone = false
        for _ in 0..<8 where !isDone {
            var bytes = [UInt8](repeating: 0, count: 65_536)
            let count = unsafe BIO_read(toServer, &bytes, Int32(bytes.count))
            let arrived = Array(bytes.prefix(Int(max(count, 0))))
            var output = ByteBuffer()
            _ = try session.receive(arrived.span, through: &port, into: &heard, output: &output)
            let answer = output.span.bytesArray
            if !answer.isEmpty { unsafe BIO_write(toClient, answer, Int32(answer.count)) }
            isDone = unsafe SSL_do_handshake(ssl) == 1
        }
        #expect(isDone)
        let late = Array("late".utf8)
        #expect(unsafe SSL_write_ex(ssl, late, late.count, &written) == 1)
        var bytes = [UInt8](repeating: 0, count: 65_536)
        let count = unsafe BIO_read(toServer, &bytes, Int32(bytes.count))
        let arrived = Array(bytes.prefix(Int(max(count, 0))))
        var output = ByteBuffer()
        _ = try session.receive(arrived.span, through: &port, into: &heard, output: &output)
        let text = String(copying: heard.span)
        #expect(text == "late")
        #expect(unsafe SSL_get_early_data_status(ssl) == SSL_EARLY_DATA_REJECTED)
    }
}
