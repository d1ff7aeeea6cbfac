import Bytes
import COpenSSL
import Glibc
import Synchronization
import TLS
import Testing

/// An established client and server that two threads pass back and forth.
private struct Pair: ~Copyable, Sendable {
    var client: TLSSession
    var server: TLSSession

    /// Ciphertext on its way to the server.
    var pending: [UInt8] = []

    /// Whose turn it is.
    var isForFirst = true
}

/// Where a pair is while no thread has it.
private final class Slot: Sendable {
    private let pair = Mutex<Pair?>(nil)

    func put(_ pair: consuming Pair) {
        var pair: Pair? = pair
        self.pair.withLock { $0 = pair.take() }
    }

    func take(asFirst isFirst: Bool) -> Pair? {
        pair.withLock { pair in
            guard pair?.isForFirst == isFirst else { return nil }
            return pair.take()
        }
    }
}

/// What a thread owns: a port and buffers.
private struct Workbench: ~Copyable {
    var port = TLSPort()
    var plaintext = ByteBuffer()
    var output = ByteBuffer()

    /// What the session makes of the bytes, as text; `output` is what it answers.
    mutating func receive(_ bytes: [UInt8], by session: inout TLSSession) -> String {
        plaintext.removeAll()
        do throws(TLSError) {
            _ = try session.receive(
                bytes.span, through: &port, into: &plaintext, output: &output)
        } catch {
            Issue.record(error)
        }
        return String(copying: plaintext.span)
    }

    mutating func send(_ text: String, by session: inout TLSSession) {
        do throws(TLSError) {
            try session.send(text.utf8Span.span, through: &port, output: &output)
        } catch {
            Issue.record(error)
        }
    }

    mutating func takeOutput() -> [UInt8] {
        defer { output.removeAll() }
        return (0..<output.count).map { output[$0] }
    }
}

/// Runs `body` on two threads at once, told apart by its argument, and waits for both.
private func onTwoThreads(_ body: @escaping @Sendable (_ isFirst: Bool) -> Void) {
    final class Job: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var threads = [pthread_t](repeating: 0, count: 2)
    for index in threads.indices {
        let job = unsafe Unmanaged.passRetained(Job { body(index == 0) })
        // Safe: the thread takes the reference over, and is joined before this returns.
        _ = unsafe pthread_create(
            &threads[index], nil,
            { argument in
                let job = unsafe Unmanaged<Job>.fromOpaque(argument!)
                unsafe job.takeRetainedValue().body()
                return nil
            }, job.toOpaque())
    }
    for thread in threads { pthread_join(thread, nil) }
}

@Suite struct HandOverTests {
    let fixture = CertificateFixture()

    private func establishedPair(_ client: TLSContext, _ server: TLSContext) throws -> Pair {
        var pair = try Pair(
            client: TLSSession(connecting: client),
            server: TLSSession(accepting: server)
        )
        var bench = Workbench()
        for _ in 0..<3 {
            _ = bench.receive(pair.pending, by: &pair.client)
            pair.pending = bench.takeOutput()
            _ = bench.receive(pair.pending, by: &pair.server)
            pair.pending = bench.takeOutput()
        }
        pair.pending = []
        return pair
    }

    @Test("A session moves to another thread in the middle of a record and loses nothing")
    func handOver() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let slot = Slot()
        slot.put(try establishedPair(client, server))
        let received = Mutex<[String]>([])
        onTwoThreads { isFirst in
            var bench = Workbench()
            var own = slot.take(asFirst: isFirst)
            while own == nil {
                sched_yield()
                own = slot.take(asFirst: isFirst)
            }
            guard var pair = own.take() else { return }
            if isFirst {
                bench.send("before, and after", by: &pair.client)
                let record = bench.takeOutput()
                let early = bench.receive(Array(record.prefix(9)), by: &pair.server)
                received.withLock { $0.append(early) }
                pair.pending = Array(record.dropFirst(9))
            } else {
                let text = bench.receive(pair.pending, by: &pair.server)
                bench.send("answer", by: &pair.server)
                let answer = bench.receive(bench.takeOutput(), by: &pair.client)
                received.withLock { $0 += [text, answer] }
            }
            #expect(ERR_peek_error() == 0)
            pair.isForFirst = !isFirst
            slot.put(pair)
        }
        #expect(received.withLock { $0 } == ["", "before, and after", "answer"])
    }

    @Test("Two threads at work pass sessions back and forth, each through its own port")
    func manyHandOvers() throws {
        let server = try TLSContext(serving: fixture.serving, tickets: TicketKeys())
        let client = try TLSContext(connecting: TLSClientConfiguration())
        let slots = (0..<16).map { _ in Slot() }
        for (index, slot) in slots.enumerated() {
            var pair = try establishedPair(client, server)
            pair.isForFirst = index.isMultiple(of: 2)
            slot.put(pair)
        }
        let echoes = Mutex(0)
        onTwoThreads { isFirst in
            var bench = Workbench()
            var turns = 0
            while echoes.withLock({ $0 < 2_000 }) {
                for slot in slots {
                    guard var pair = slot.take(asFirst: isFirst) else { continue }
                    turns += 1
                    bench.send("ping \(turns)", by: &pair.client)
                    let text = bench.receive(bench.takeOutput(), by: &pair.server)
                    if text != "ping \(turns)" { Issue.record("received \(text)") }
                    echoes.withLock { $0 += 1 }
                    pair.isForFirst = !isFirst
                    slot.put(pair)
                }
                sched_yield()
            }
        }
    }
}
