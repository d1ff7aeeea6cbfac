import Glibc
import Ledger
import Linux
import Storage
import Support
import Synchronization
import Testing
import Time

@testable import Gateway

@Suite("Log")
struct LogTests {
    /// What a log has written, and a gate that its `write` waits at.
    final class Lines: Sendable {
        private let state = Mutex<(lines: [LogLine], isBlocked: Bool)>(([], false))

        var all: [LogLine] { state.withLock { $0.lines } }

        func block(_ isBlocked: Bool) { state.withLock { $0.isBlocked = isBlocked } }

        func take(_ line: LogLine) {
            state.withLock { $0.lines.append(line) }
            while state.withLock({ $0.isBlocked }) { usleep(1_000) }
        }

        /// Waits until there are so many lines; false when patience ends.
        func wait(for count: Int) -> Bool {
            Patience.awaits { all.count >= count }
        }
    }

    private static let device = DeviceIdentity(
        product: ProductKey("lamp") ?? { preconditionFailure("a key") }(),
        device: DeviceKey("d1") ?? { preconditionFailure("a key") }()
    )

    private static func refusal(_ reason: Reason = .noCodeLeft) -> LogRecord {
        LogRecord(
            event: .refused(reason),
            subject: .device(device),
            address: SocketAddress("192.0.2.1:5000"),
            listener: "devices"
        )
    }

    @Test("a refusal names reason, product, device, address and listener")
    func words() {
        let line = Self.refusal().line
        #expect(line.level == .info && line.message == "connection refused")
        #expect(
            line.fields.map { "\($0.name)=\($0.value)" } == [
                "reason=no-code-left", "product=lamp", "device=d1", "address=192.0.2.1:5000",
                "listener=devices",
            ])
    }

    @Test("records below the level are not made, those above are written")
    func levels() throws {
        let lines = Lines()
        let log = try GatewayLog(level: .error) { lines.take($0) }
        let shard = log.shardLog()
        try log.start()
        #expect(!shard.isOn(.info) && shard.isOn(.error))
        shard.note(Self.refusal())
        log.say(.warning, "not written")
        shard.note(
            LogRecord(event: .storeFailed(.sessionRead, .system(code: 28, operation: "x"))))
        log.stop()
        #expect(lines.all.map(\.level) == [.error])
        #expect(lines.all.first?.message == "the store failed while reading a session")
    }

    @Test("a flood of refusals is ten lines a second and one that says how many more")
    func flood() throws {
        let lines = Lines()
        let ring = BoundedRing<LogRecord>(capacity: 8_192)
        var drain = LogDrain(rings: [ring], level: .info) { lines.take($0) }
        for _ in 0..<5_000 { ring.append(Self.refusal()) }
        ring.append(Self.refusal(.badCredentials))
        let hasFound = drain.drain(at: 7)
        #expect(hasFound && lines.all.count == 11)
        let hasMore = drain.drain(at: 7)
        #expect(!hasMore && lines.all.count == 11 && drain.isHolding)
        _ = drain.drain(at: 8)
        #expect(lines.all.last?.message == "connection refused, and 4990 more")
        #expect(lines.all.last?.fields == [.init("reason", "no-code-left")])
        #expect(lines.all.count == 12 && !drain.isHolding)
        ring.append(Self.refusal())
        _ = drain.drain(at: 8)
        #expect(lines.all.count == 13)
    }

    @Test("what a flood leaves behind is said when the log ends")
    func lastSummary() throws {
        let lines = Lines()
        let log = try GatewayLog(level: .info) { lines.take($0) }
        let shard = log.shardLog()
        for _ in 0..<100 { shard.note(Self.refusal()) }
        try log.start()
        log.stop()
        #expect(lines.all.count == 11)
        #expect(lines.all.last?.message == "connection refused, and 90 more")
    }

    @Test(
        "a log that is blocked takes nothing more, and the shard goes on; the lost lines are counted"
    )
    func blocked() throws {
        let lines = Lines()
        lines.block(true)
        let log = try GatewayLog(level: .info) { lines.take($0) }
        let shard = log.shardLog()
        try log.start()
        shard.note(Self.refusal())
        #expect(lines.wait(for: 1))
        let start = MonotonicInstant.now()
        for _ in 0..<100_000 { shard.note(Self.refusal()) }
        #expect(MonotonicInstant.now().milliseconds(since: start) < 60_000)
        #expect(log.dropped >= 100_000 - GatewayLog.capacity)
        lines.block(false)
        log.stop()
        let drops = lines.all.filter { $0.message.hasPrefix("the log was too slow") }
        #expect(drops.count == 1 && drops.first?.level == .warning)
    }

    @Test("a gateway ends although its log is blocked")
    func stopWhileBlocked() throws {
        let lines = Lines()
        lines.block(true)
        let log = try GatewayLog(level: .info) { lines.take($0) }
        let shard = log.shardLog()
        try log.start()
        shard.note(Self.refusal())
        #expect(lines.wait(for: 1))
        let start = MonotonicInstant.now()
        log.stop()
        #expect(MonotonicInstant.now().milliseconds(since: start) < 60_000)
        lines.block(false)
    }

    @Test("a full ring takes no memory: every record goes into a slot that was there")
    func ring() {
        let ring = BoundedRing<LogRecord>(capacity: 4)
        for number in 0..<10 {
            let isTaken = ring.append(Self.refusal())
            #expect(isTaken == (number < 4))
        }
        #expect(ring.dropped == 6)
        for _ in 0..<4 { #expect(ring.next() != nil) }
        #expect(ring.next() == nil && ring.isEmpty)
        for _ in 0..<1_000 {
            #expect(ring.append(Self.refusal()))
            #expect(ring.next() != nil)
        }
        #expect(ring.dropped == 6)
    }

    @Test("every kind of record is sampled by a number of its own")
    func sampleKeys() {
        var keys: Set<Int> = []
        var count = 0
        func add(_ event: LogRecord.Event) {
            count += 1
            keys.insert(event.sampleKey)
            #expect((0..<LogRecord.Event.sampleKeyCount).contains(event.sampleKey))
        }
        for reason in Reason.allCases {
            add(.refused(reason))
            add(.ended(reason))
        }
        for step in LogRecord.RenewalStep.allCases { add(.renewal(step)) }
        for step in LogRecord.LeaseStep.allCases { add(.lease(step)) }
        for activity in LogRecord.Activity.allCases {
            add(.storeFailed(activity, .malformed(what: "")))
        }
        add(.handshakeFailed(.init(text: "")))
        add(.admitted)
        #expect(keys.count == count && count == LogRecord.Event.sampleKeyCount)
    }

    @Test(
        "of each device the last refusal and ending are remembered, of a limited number of devices")
    func history() throws {
        var history = DeviceHistory(limit: 3)
        func identity(_ name: String) throws -> DeviceIdentity {
            DeviceIdentity(product: Self.device.product, device: try #require(DeviceKey(name)))
        }
        func outcome(_ reason: Reason) throws -> DeviceHistory.Outcome {
            DeviceHistory.Outcome(
                reason: reason, at: Timestamp(milliseconds: 1),
                address: try #require(SocketAddress("192.0.2.1:5000")), listener: 0)
        }
        for name in ["a", "b", "c"] {
            history.noteRefusal(try outcome(.noCodeLeft), of: try identity(name))
        }
        history.noteEnding(try outcome(.kicked), of: try identity("a"))
        #expect(history.entry(of: try identity("a"))?.refusal?.reason == .noCodeLeft)
        #expect(history.entry(of: try identity("a"))?.ending?.reason == .kicked)
        history.noteRefusal(try outcome(.badCredentials), of: try identity("d"))
        #expect(history.count == 3)
        #expect(history.entry(of: try identity("d"))?.refusal?.reason == .badCredentials)
        for number in 0..<1_000 {
            history.noteRefusal(try outcome(.noCodeLeft), of: try identity("x\(number)"))
        }
        #expect(history.count == 3)
        #expect(history.entry(of: try identity("x999")) != nil)
        #expect(history.entry(of: try identity("a")) == nil)
    }
}
