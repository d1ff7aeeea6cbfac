import Bytes
import Cryptography
import Glibc
import TLS
import Testing

/// What the parts cost, printed. `TLS_COST_ROUNDS` sets how often each is done: 1,000 or more for
/// figures to believe, in a release build, and few by default, so that it keeps running.
@Suite(.serialized) struct CostTests {
    let fixture = CertificateFixture()

    private var rounds: Int {
        // Safe: nothing in the tests changes the environment.
        guard let text = unsafe getenv("TLS_COST_ROUNDS") else { return 20 }
        return unsafe Int(String(cString: text)) ?? 20
    }

    /// CPU time of this thread, in microseconds.
    private func now() -> Double {
        var time = timespec()
        unsafe clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) * 1e6 + Double(time.tv_nsec) / 1e3
    }

    @Test("Cost of a handshake to the server, full and resumed")
    func handshakes() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var resumption: TLSResumption?
        for isResumed in [false, true] {
            var spent = 0.0
            for _ in 0..<rounds {
                var link = try Link(
                    client: client, server: server, resuming: isResumed ? resumption : nil)
                repeat {
                    try link.turnClient()
                    let start = now()
                    try link.turnServer()
                    spent += now() - start
                } while !link.toClient.isEmpty
                let wasResumed = link.server.isResumed
                #expect(wasResumed == isResumed)
                resumption = link.client.resumption
            }
            print("handshake, resumed \(isResumed): \(spent / Double(rounds)) us")
        }
    }

    @Test("Cost of an idle session in memory")
    func memory() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        // One at a time, all through one port, as a shard does it.
        var port = TLSPort()
        let count = min(rounds, 2_000)
        var held: [HeldSession] = []
        held.reserveCapacity(count)
        let warmUp = min(count / 2, 100)
        var before = 0
        for index in 0..<count + warmUp {
            if index == warmUp { before = residentBytes() }
            var link = try Link(client: client, server: server)
            swap(&port, &link.serverPort)
            try link.run()
            swap(&port, &link.serverPort)
            held.append(HeldSession(link.takeServer()))
        }
        print("idle session: \((residentBytes() - before) / count) bytes of resident memory")
        #expect(held.count == count + warmUp)
    }

    /// Of this process: the second figure of `/proc/self/statm`, which is in pages.
    private func residentBytes() -> Int {
        guard let file = unsafe fopen("/proc/self/statm", "r") else { return 0 }
        defer { unsafe fclose(file) }
        // Safe: `fgets` ends what it writes with a zero.
        return unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 128) { line in
            unsafe fgets(line.baseAddress, Int32(line.count), file)
            let fields = unsafe String(cString: line.baseAddress!).split(separator: " ")
            return (Int(fields[1]) ?? 0) * 4_096
        }
    }

    @Test("Cost of a record of 64 bytes received and one of 4 sent")
    func records() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration(minimumVersion: .v1_3))
        var link = try Link(client: client, server: server)
        try link.run()
        let text = String(repeating: "x", count: 64)
        let batch = 16
        for recordsInACall in [1, batch] {
            var spent = 0.0
            for _ in 0..<rounds {
                for _ in 0..<recordsInACall { try link.sendToServer(text) }
                link.toClient.removeAll()
                var input = ByteBuffer()
                swap(&input, &link.toServer)
                let start = now()
                _ = try link.server.receive(
                    input.span, through: &link.serverPort, into: &link.serverReceived,
                    output: &link.toClient)
                try link.sendToClient("ack!")
                spent += now() - start
                let received = link.serverReceived.count
                #expect(received == 64 * recordsInACall)
                link.serverReceived.removeAll()
                try link.turnClient()
                link.clientReceived.removeAll()
            }
            let each = spent / Double(rounds * recordsInACall)
            print("\(recordsInACall) records a call: \(each) us a record, the answer included")
        }
    }

    @Test("Cost of an HMAC over four spans of 100 bytes together")
    func authentication() {
        let secret = [UInt8](repeating: 7, count: 32)
        let name = [UInt8](repeating: 9, count: 12)
        let text = [UInt8](repeating: 9, count: 38)
        var sum = 0
        let count = rounds * 100
        let start = now()
        for _ in 0..<count {
            var code = HMACSHA256(key: secret.span)
            code.update(name.span)
            code.update(text.span)
            code.update(name.span)
            code.update(text.span)
            let digest = code.finalize()
            sum &+= Int(digest.span[0])
        }
        let cost = (now() - start) / Double(count)
        print("HMAC-SHA256: \(cost) us")
        #expect(sum > 0, "the code begins with a byte that is not zero")
        #expect(cost < 100, "a hundred times what it costs in a release build")
    }
}

/// Keeps a session in an array, which holds no noncopyable values.
private final class HeldSession {
    let session: TLSSession

    init(_ session: consuming TLSSession) {
        self.session = session
    }
}
