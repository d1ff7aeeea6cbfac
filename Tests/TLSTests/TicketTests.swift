import COpenSSL
import Glibc
import Testing

@testable import TLS

@Suite struct TicketTests {
    let fixture = CertificateFixture()

    /// The resumption of a full handshake, with a byte sent each way.
    private func establish(
        _ client: TLSContext,
        _ server: TLSContext,
        resuming resumption: TLSResumption? = nil
    ) throws -> (isResumed: Bool, next: TLSResumption?) {
        var link = try Link(client: client, server: server, resuming: resumption)
        try link.run()
        try link.sendToServer("ping")
        try link.run()
        let received = link.takeFromServer()
        #expect(received == "ping")
        return (link.server.isResumed, link.client.resumption)
    }

    @Test(
        "A session issued by one context resumes on another, renewed after one rotation, not after two",
        arguments: TLSVersion.allCases
    )
    func rotation(version: TLSVersion) throws {
        let keys = try TicketKeys()
        let first = try TLSContext(serving: fixture.serving, tickets: keys)
        let second = try TLSContext(serving: fixture.serving, tickets: keys)
        let client = try TLSContext(
            connecting: TLSClientConfiguration(minimumVersion: version, maximumVersion: version)
        )
        let full = try establish(client, first)
        #expect(!full.isResumed)
        let resumption = try #require(full.next)
        #expect(try establish(client, second, resuming: resumption).isResumed)

        keys.rotate()
        let renewed = try establish(client, second, resuming: resumption)
        #expect(renewed.isResumed)
        let fresh = try #require(renewed.next)

        keys.rotate()
        #expect(try !establish(client, first, resuming: resumption).isResumed)
        // The one that was renewed in between is under the previous key now.
        #expect(try establish(client, first, resuming: fresh).isResumed)
        #expect(ERR_peek_error() == 0)
    }

    /// What a gateway has, of that secret and at that time.
    private func server(
        _ secret: UInt8, hours: Int64 = 12, at seconds: Int64
    ) throws -> TLSContext {
        let keys = TicketKeys(
            secret: Array(repeating: secret, count: 32), periodSeconds: hours * 3_600, at: seconds)
        return try TLSContext(serving: fixture.serving, tickets: keys)
    }

    @Test(
        "A session of one gateway resumes on another with the same secret, a period ahead or behind, and no further",
        arguments: TLSVersion.allCases)
    func shared(version: TLSVersion) throws {
        let now: Int64 = 1_700_000_000
        let period: Int64 = 12 * 3_600
        let client = try TLSContext(
            connecting: TLSClientConfiguration(minimumVersion: version, maximumVersion: version))
        let resumption = try #require(
            try establish(client, server(1, at: now)).next)
        for (other, isResumed) in [
            (try server(1, at: now), true), (try server(1, at: now + period), true),
            (try server(1, at: now - period), true), (try server(1, at: now + 2 * period), false),
            (try server(1, at: now - 2 * period), false), (try server(2, at: now), false),
            (try server(1, hours: 24, at: now), false),
        ] {
            #expect(try establish(client, other, resuming: resumption).isResumed == isResumed)
        }
        #expect(ERR_peek_error() == 0)
    }

    @Test(
        "Keys go over to the next period when its time has come, and back when the clock was set back"
    )
    func periods() {
        let keys = TicketKeys(
            secret: Array(repeating: 7, count: 32), periodSeconds: 100, at: -50)
        let first = keys.current
        keys.rotate(at: -1)
        #expect(keys.current == first)
        keys.rotate(at: 0)
        let second = keys.current
        #expect(second != first)
        keys.rotate(at: 99)
        #expect(keys.current == second)
        keys.rotate(at: -100)
        #expect(keys.current == first)
    }

    @Test("A ticket of other keys, or one that was damaged, makes a full handshake")
    func foreignTicket() throws {
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let one = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let other = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let resumption = try #require(try establish(client, one).next)
        #expect(try !establish(client, other, resuming: resumption).isResumed)
    }

    @Test("A session verified by other authorities is not resumed")
    func otherAuthorities() throws {
        let keys = try TicketKeys()
        fixture.writeClient(name: "device-1")
        var serving = fixture.serving
        serving.clientVerification = .optional(authorityFile: fixture.path("ca.pem"))
        let before = try TLSContext(serving: serving, tickets: keys)
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        let resumption = try #require(try establish(client, before).next)
        #expect(try establish(client, before, resuming: resumption).isResumed)

        serving.clientVerification = .required(authorityFile: fixture.path("ca.pem"))
        let stricter = try TLSContext(serving: serving, tickets: keys)
        #expect(try !establish(client, stricter, resuming: resumption).isResumed)
    }

    @Test("every resumption brings a new ticket in TLS 1.3, so that each is used once")
    func renewal() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var link = try Link(client: client, server: server)
        try link.run()
        let issued = link.client.resumption
        var resumption = try #require(issued)
        for _ in 0..<5 {
            var link = try Link(client: client, server: server, resuming: resumption)
            try link.run()
            let isResumed = link.server.isResumed
            #expect(isResumed)
            let issued = link.client.resumption
            let next = try #require(issued)
            // The same session would be the same ticket.
            #expect(ticket(next) != ticket(resumption))
            resumption = next
        }
    }

    private func ticket(_ resumption: TLSResumption) -> [UInt8] {
        var start: UnsafePointer<UInt8>?
        var count = 0
        // Safe: the bytes belong to the session and are copied here.
        unsafe SSL_SESSION_get0_ticket(resumption.session, &start, &count)
        return unsafe Array(UnsafeBufferPointer(start: start, count: count))
    }

    @Test(
        "however often it is resumed, a session ends when its lifetime has passed since the full handshake"
    )
    func lifetime() throws {
        var serving = fixture.serving
        serving.resumptionLifetimeSeconds = 2
        let server = try TLSContext(serving: serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        let started = ContinuousClock.now
        var resumption = try #require(try establish(client, server).next)
        var lasted = Duration.zero
        while lasted < .seconds(5) {
            usleep(200_000)
            let before = ContinuousClock.now - started
            let again = try establish(client, server, resuming: resumption)
            guard again.isResumed else { break }
            lasted = before
            resumption = try #require(again.next)
        }
        // Not beyond it, and not an end that came early; sessions know their time in whole seconds.
        #expect(lasted < .seconds(3))
        #expect(ContinuousClock.now - started > .seconds(1))
    }
}
