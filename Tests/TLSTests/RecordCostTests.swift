import Bytes
import Glibc
import Testing

@testable import TLS

/// What records cost, ours beside OpenSSL's, in turns, printed. `TLS_COST_ROUNDS` sets how often: 200 or more for
/// figures to believe, in a release build.
@Suite(.serialized) struct RecordCostTests {
    let fixture = CertificateFixture()

    private var rounds: Int {
        // Safe: nothing in the tests changes the environment.
        guard let text = unsafe getenv("TLS_COST_ROUNDS") else { return 2 }
        return unsafe Int(String(cString: text)) ?? 2
    }

    /// A link to be kept in an array, with the session of OpenSSL's or the connection of ours.
    private final class Peer {
        var client: TLSSession
        var clientPort = TLSPort()
        var openSSL: TLSSession?
        var ours: TLSConnection?
        var toServer = ByteBuffer()
        var toClient = ByteBuffer()

        init(client: TLSContext, server: TLSContext, isOurs: Bool, port: inout TLSPort) throws {
            self.client = try TLSSession(connecting: client)
            if isOurs {
                ours = try TLSConnection(accepting: server)
            } else {
                openSSL = try TLSSession(accepting: server)
            }
            var received = ByteBuffer()
            repeat {
                try takeByClient()
                try take(through: &port, into: &received)
            } while !toClient.isEmpty
        }

        func takeByClient() throws {
            var input = ByteBuffer()
            swap(&input, &toClient)
            var nothing = ByteBuffer()
            _ = try client.receive(
                input.span, through: &clientPort, into: &nothing, output: &toServer)
        }

        @inline(__always)
        func take(through port: inout TLSPort, into received: inout ByteBuffer) throws {
            var input = ByteBuffer()
            swap(&input, &toServer)
            _ = try ours?.receive(
                input.span, through: &port, into: &received, output: &toClient)
            _ = try openSSL?.receive(
                input.span, through: &port, into: &received, output: &toClient)
        }

        @inline(__always)
        func send(_ bytes: Span<UInt8>, through port: inout TLSPort) throws {
            try ours?.send(bytes, through: &port, output: &toClient)
            try openSSL?.send(bytes, through: &port, output: &toClient)
        }
    }

    /// CPU time of this thread, in nanoseconds.
    private func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }

    /// Receives bursts of records by each peer in turn, or sends one record by each; nanoseconds a record.
    private func cost(
        _ peers: [Peer],
        burst: Int,
        size: Int,
        isReceiving: Bool,
        through port: inout TLSPort
    ) throws -> Double {
        let text = [UInt8](repeating: 0x78, count: size)
        var received = ByteBuffer(capacity: 65_536)
        if isReceiving {
            for peer in peers {
                for _ in 0..<burst {
                    try peer.client.send(
                        text.span, through: &peer.clientPort, output: &peer.toServer)
                }
            }
        }
        let start = now()
        for peer in peers {
            if isReceiving {
                received.removeAll()
                try peer.take(through: &port, into: &received)
            } else {
                for _ in 0..<burst { try peer.send(text.span, through: &port) }
            }
        }
        let spent = now() - start
        if !isReceiving { for peer in peers { try peer.takeByClient() } }
        return spent / Double(peers.count * burst)
    }

    @Test("Cost of a record, OpenSSL's SSL_read(3) and SSL_write(3) beside ours")
    func records() throws {
        for index in [0, 2, 3] {
            let setting = RecordSetting.all[index]
            let server = try setting.server(fixture)
            let client = try TLSContext(connecting: TLSClientConfiguration())
            var port = TLSPort()
            let count = 32
            let ours = try (0..<count).map { _ in
                try Peer(client: client, server: server, isOurs: true, port: &port)
            }
            let theirs = try (0..<count).map { _ in
                try Peer(client: client, server: server, isOurs: false, port: &port)
            }
            for (size, burst) in [(100, 1), (100, 16), (1_000, 1), (16_000, 2)] {
                for isReceiving in [true, false] {
                    var costs: [[Double]] = [[], []]
                    for _ in 0..<rounds {
                        costs[0].append(
                            try cost(
                                theirs, burst: burst, size: size, isReceiving: isReceiving,
                                through: &port))
                        costs[1].append(
                            try cost(
                                ours, burst: burst, size: size, isReceiving: isReceiving,
                                through: &port))
                    }
                    let medians = costs.map { Int($0.sorted()[$0.count / 2]) }
                    print(
                        "\(setting.suite.name), \(isReceiving ? "received" : "sent"), \(size) bytes, "
                            + "\(burst) a turn: OpenSSL \(medians[0]) ns, ours \(medians[1]) ns")
                    #expect(medians.allSatisfy { $0 > 0 })
                }
            }
        }
    }

    @Test("Cost of a handshake to the server, by where the secrets come from")
    func handshakes() throws {
        for (setting, name) in [
            (RecordSetting.all[0], "TLS 1.3"), (RecordSetting.all[3], "TLS 1.2"),
        ] {
            let client = try TLSContext(connecting: TLSClientConfiguration())
            let servers = try SecretSource.allCases.map { try setting.server(fixture, secrets: $0) }
            for isResumed in [false, true] {
                var costs = [[Double]](repeating: [], count: servers.count)
                var resumptions = [TLSResumption?](repeating: nil, count: servers.count)
                for _ in 0..<rounds * 5 {
                    for (index, server) in servers.enumerated() {
                        var link = try RecordLink(
                            client: client, server: server,
                            resuming: isResumed ? resumptions[index] : nil)
                        var spent = 0.0
                        repeat {
                            try link.turnClient()
                            let start = now()
                            try link.turnServer()
                            spent += now() - start
                        } while !link.toClient.isEmpty
                        resumptions[index] = link.client.resumption
                        costs[index].append(spent)
                    }
                }
                for (source, costs) in zip(SecretSource.allCases, costs) {
                    let median = costs.sorted()[costs.count / 2] / 1_000
                    print("\(name), resumed \(isResumed), \(source): \(median) us")
                    #expect(median > 0)
                }
            }
        }
    }

    @Test("Cost of an idle connection in memory")
    func memory() throws {
        let server = try RecordSetting.all[0].server(fixture)
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var port = TLSPort()
        let count = min(rounds * 10, 5_000)
        var held: [HeldConnection] = []
        held.reserveCapacity(2 * count)
        var before = 0
        for index in 0..<2 * count {
            if index == count { before = residentBytes() }
            var link = try RecordLink(client: client, server: server)
            swap(&port, &link.serverPort)
            try link.run()
            swap(&port, &link.serverPort)
            held.append(HeldConnection(link.takeServer()))
        }
        print("idle connection: \((residentBytes() - before) / count) bytes of resident memory")
        print(
            "state: \(MemoryLayout<RecordState>.size) bytes, in the slot \(MemoryLayout<TLSConnection>.size)"
        )
        #expect(held.count == 2 * count)
    }
}

/// Keeps a connection in an array, which holds no noncopyable values.
private final class HeldConnection {
    let connection: TLSConnection

    init(_ connection: consuming TLSConnection) {
        self.connection = connection
    }
}
