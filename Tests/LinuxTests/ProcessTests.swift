import Linux
import Testing
import Time

@Suite struct ProcessTests {
    @Test("A thread runs its body under its name, and join waits for its end")
    func thread() throws {
        let seen = Box()
        let thread = try Thread(name: "shard-0-of-many-more", processor: 0) {
            seen.set(Thread.currentName)
        }
        thread.join()
        #expect(seen.get() == "shard-0-of-many")
        #expect(!Thread.availableProcessors.isEmpty)
    }

    @Test("A thread is pinned to the processor it was given")
    func affinity() throws {
        let processor = try #require(Thread.availableProcessors.last)
        let seen = Box()
        let thread = try Thread(name: "pinned", processor: processor, stackBytes: 1 << 20) {
            seen.set("\(Thread.availableProcessors)")
        }
        thread.join()
        #expect(seen.get() == "[\(processor)]")
    }

    @Test("A descriptor that is released stays open; one that is let go is closed")
    func descriptor() throws {
        let server = try Loopback().closeClient()
        try waitUntilReady(server.rawValue, .read)
        #expect(try receive(server.socket).0 == .closed)

        let listener = try SocketHandle.listen(
            at: SocketAddress(.loopbackIPv4, port: 0),
            reusePort: false,
            backlog: 1
        )
        let raw = listener.release()
        #expect(try SocketHandle(rawValue: raw).localAddress().address == .loopbackIPv4)
        _ = Descriptor(adopting: raw)
    }

    @Test("The monotonic clock does not run backwards; the wall clock is in this century")
    func clocks() {
        var last = MonotonicInstant.now()
        for _ in 0..<1_000 {
            let now = MonotonicInstant.now()
            #expect(now >= last)
            last = now
        }
        #expect(Timestamp.now() > Timestamp(seconds: 1_700_000_000))
        #expect(Timestamp.now() < Timestamp(seconds: 4_102_444_800))
        #expect(ProcessorTime.ofProcess() > 0 && ProcessorTime.ofThread() > 0)
    }

    @Test("The limit of open files is raised as far as allowed, and never lowered")
    func openFiles() throws {
        let before = try ProcessLimits.raiseOpenFiles(to: 0)
        #expect(try ProcessLimits.raiseOpenFiles(to: before) == before)
        #expect(try ProcessLimits.raiseOpenFiles(to: 64) == before)
    }

    @Test("A blocked signal is read from the descriptor; none waiting is nil")
    func signals() throws {
        // On a thread of its own, as blocking is per thread. There it is raised for that thread alone:
        // for the whole process, it could reach a thread of the test runner and end it.
        let seen = Box()
        let thread = try Thread(name: "signals") {
            Signal.block([.user2])
            do {
                let signals = try SignalDescriptor([.user2])
                let before = try signals.next()
                Signal.user2.raiseOnThread()
                let raised = try signals.next()
                let after = try signals.next()
                seen.set("\(before == nil) \(raised == .user2) \(after == nil)")
            } catch { seen.set("\(error)") }
        }
        thread.join()
        #expect(seen.get() == "true true true")
    }

    @Test("An error number has the system's text")
    func errorText() {
        #expect(Errno.connectionRefused.description == "Connection refused (111)")
        #expect(
            FileError(operation: "open", path: "/x", code: .noSuchFile).description
                == "open /x: No such file or directory (2)"
        )
    }
}
