import COpenSSL
import Glibc
import Linux
import TLS
import Testing

/// What a thousand authorities cost.
@Suite(.serialized) struct ManyAuthoritiesTests {
    private let fixture = CertificateFixture()

    private static func der(of key: CertifiedKey) -> [UInt8] {
        var start: UnsafeMutablePointer<UInt8>?
        let count = unsafe i2d_X509(key.certificate, &start)
        defer { unsafe CRYPTO_free(start, "ManyAuthoritiesTests", 0) }
        return unsafe Array(UnsafeBufferPointer(start: start, count: Int(count)))
    }

    /// Of this process; other tests are in it, too.
    private static var residentBytes: Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        guard unsafe fgets(&line, 256, file) != nil else { return 0 }
        let text = String(decoding: line.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        return text.split(separator: " ").dropFirst().first.flatMap { Int($0) }.map { $0 * 4_096 }
            ?? 0
    }

    /// Of processor time: other tests run beside this one.
    private func seconds(
        _ client: TLSContext, _ server: TLSContext, _ authorities: ClientAuthorities
    ) throws -> Double {
        let handshakes = 50
        let start = ProcessorTime.ofThread()
        for _ in 0..<handshakes {
            var link = try Link(client: client, server: server)
            link.serverPort.clientAuthorities = authorities
            try link.run()
            let authority = link.server.peerIdentity?.authority
            #expect(authority != nil)
        }
        return Double(ProcessorTime.ofThread() - start) / 1e9 / Double(handshakes)
    }

    @Test(
        "With 1,000 authorities a handshake takes as long as with one, and each takes a few kilobytes"
    )
    func cost() throws {
        let own = CertifiedKey(commonName: "Acme", isAuthority: true)
        let one = try #require(ClientAuthority(der: Self.der(of: own)))
        let encoded = (0..<999).map { number in
            Self.der(of: CertifiedKey(commonName: "CA \(number)", isAuthority: true))
        }
        let before = Self.residentBytes
        let start = ContinuousClock.now
        let others = encoded.compactMap { ClientAuthority(der: $0) }
        let parsing = ContinuousClock.now - start
        let many = ClientAuthorities(others + [one])
        let bytes = Self.residentBytes - before
        #expect(many.count == 1_000)
        fixture.writeClient(name: "lamp.d1", signer: own)
        let client = try TLSContext(connecting: fixture.connectingWithCertificate)
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        // In turns, and the best of each: the processor and its caches are other tests', too, and more in one minute than in
        // the next.
        let few = ClientAuthorities([one])
        var (alone, among) = (Double.infinity, Double.infinity)
        for turn in 0..<25 where turn < 5 || among >= alone * 1.5 {
            alone = min(alone, try seconds(client, server, few))
            among = min(among, try seconds(client, server, many))
        }
        print(
            "handshake with 1 authority \(Int(alone * 1e6)) us, with 1,000 \(Int(among * 1e6)) us;"
                + " \(bytes / 1_000) bytes each, parsed in \(parsing / 999)")
        #expect(among < alone * 1.5)
        #expect(bytes / 1_000 < 30_000)
    }
}
