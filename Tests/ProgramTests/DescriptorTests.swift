import Foundation
import Linux
import Processes
import Support
import Testing

/// What becomes of clients and of HTTP when the process may have few files open.
@Suite("Descriptors", .waits)
struct DescriptorTests {
    @Test(
        "connections are clamped to the limit of open files, which is said; over it they are closed, and HTTP answers",
        arguments: [1, 2])
    func clamped(shards: Int) throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(
            program, ["--set", "shards=\(shards)", "--set", "limits.exemptNetworks=127.0.0.0/8"],
            descriptors: 512)
        let said = try #require(
            serving.errors.split(separator: "\n").first { $0.contains("limits.connections") })
        #expect(said.contains("warning") && said.contains("open-files=512"), "\(said)")
        #expect(said.contains("configured=1000000") && said.contains("connections="))
        var sockets = OpenSockets()
        let address = try #require(SocketAddress(String(serving.listener.dropFirst(7))))
        for _ in 0..<800 { try sockets.connect(to: address) }
        // The gateway has taken, or closed, every one of them.
        let isBounded = Patience.awaits { sockets.closedByPeer >= 300 }
        #expect(isBounded)
        let metrics = try serving.shell("curl -sS -m 5 $TOLLGATE_API/metrics").output
        #expect(metrics.contains("process_max_fds 512\n"), "\(metrics.prefix(200))")
        #expect(metrics.contains("process_open_fds "))
        #expect(metrics.contains("tollgate_connections_limit "))
        #expect(try serving.shell("curl -sS -m 5 -f $TOLLGATE_API/healthz").code == 0)
        let ready = try serving.shell("curl -sS -m 5 $TOLLGATE_API/readyz").output
        #expect(ready.contains("\"descriptors\",\"problem\":\"the limit of 512"), "\(ready)")
        #expect(try serving.run(["account", "list"]).code == 0)
        #expect(serving.errors.contains("connection refused reason=server-busy"))
        // Room again: clients come in, and the gateway is ready.
        sockets.closeAll()
        let isReady = try Patience.awaits {
            try serving.shell("curl -sS -m 5 -f $TOLLGATE_API/readyz").code == 0
        }
        #expect(isReady)
        #expect(try serving.run(["probe", "--url", serving.listener]).code == 0)
        #expect(serving.end() == 0)
    }

    /// How many files a process has open, when that has been the same for a while: the API's last connection may go just now.
    private static func settledDescriptors(of pid: Int32) throws -> Int {
        var open = 0
        var repetitions = 0
        _ = try Patience.awaits {
            let now = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count
            repetitions = now == open ? repetitions + 1 : 0
            open = now
            return repetitions == 40
        }
        return open
    }

    @Test("with no descriptor left a client is accepted and closed, counted, logged, and not ready")
    func noneLeft() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(
            program, ["--set", "limits.connectTimeoutSeconds=300"], descriptors: 512)
        let address = try #require(SocketAddress(String(serving.listener.dropFirst(7))))
        // Clients take all numbers that are free in between, and the limit goes down to what is open.
        let pid = serving.processIdentifier
        var silent = OpenSockets()
        for _ in 0..<200 { try silent.connect(to: address) }
        // All of them: who is still in line would be closed with those that come later.
        let areAccepted = try Patience.awaits {
            try serving.shell("curl -sS -m 5 $TOLLGATE_API/metrics").output
                .contains("tollgate_connections_accepted_total 200\n")
        }
        try #require(areAccepted)
        let open = try Self.settledDescriptors(of: pid)
        let lowered = try program.shell("prlimit --pid \(pid) --nofile=\(open):512")
        try #require(lowered.code == 0, "\(lowered.errors)")
        var sockets = OpenSockets()
        for _ in 0..<50 { try sockets.connect(to: address) }
        let areClosed = Patience.awaits { sockets.closedByPeer == 50 }
        #expect(areClosed)
        _ = try program.shell("prlimit --pid \(pid) --nofile=512:512")
        let ready = try serving.shell("curl -sS -m 5 $TOLLGATE_API/readyz").output
        #expect(ready.contains("none of 512 was left for a connection"), "\(ready)")
        let metrics = try serving.shell("curl -sS -m 5 $TOLLGATE_API/metrics").output
        #expect(
            metrics.contains(
                "tollgate_connections_ended_total{reason=\"no-descriptor-left\"} 50\n"))
        #expect(serving.errors.contains("connection refused reason=no-descriptor-left"))
        #expect(try serving.run(["probe", "--url", serving.listener]).code == 0)
        #expect(serving.end() == 0)
    }

    @Test("a limit that leaves no room for clients is one line, and nothing starts")
    func tooFew() throws {
        let program = try Program()
        defer { program.remove() }
        #expect {
            _ = try Serving(program, descriptors: 60)
        } throws: { error in
            guard let unstarted = error as? Serving.Unstarted else { return false }
            return unstarted.errors.hasPrefix("tollgate: the limit of open files is 60, and ")
                && unstarted.errors.split(separator: "\n").count == 1
        }
    }

    @Test(
        "ten clients that poll and a flood of connects at few descriptors: nothing crashes or hangs"
    )
    func flood() throws {
        let program = try Program()
        defer { program.remove() }
        let serving = try Serving(program, ["--set", "shards=2"], descriptors: 256)
        let polling =
            "seq 50 | xargs -P 10 -I% sh -c 'curl -sS -m 10 -o /dev/null -f "
            + "$TOLLGATE_API/metrics || echo missed'"
        let address = try #require(SocketAddress(String(serving.listener.dropFirst(7))))
        var sockets = OpenSockets()
        for _ in 0..<600 { try sockets.connect(to: address) }
        let polled = try serving.shell(polling)
        #expect(polled.output.isEmpty, "\(polled.output)")
        for _ in 0..<600 { try sockets.connect(to: address) }
        sockets.closeAll()
        #expect(try serving.shell("curl -sS -m 5 -f $TOLLGATE_API/healthz").code == 0)
        #expect(serving.end() == 0)
    }
}

/// Sockets that say nothing.
private struct OpenSockets: ~Copyable {
    private var descriptors: [Int32] = []

    mutating func connect(to address: SocketAddress) throws {
        descriptors.append(try SocketHandle.connect(to: address).release())
    }

    /// How many the other side has closed or reset, or never took.
    var closedByPeer: Int {
        descriptors.count { number in
            var waiting = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
            // Safe: one entry, ours.
            return unsafe poll(&waiting, 1, 0) > 0
        }
    }

    mutating func closeAll() {
        for number in descriptors { close(number) }
        descriptors = []
    }

    deinit { for number in descriptors { close(number) } }
}
