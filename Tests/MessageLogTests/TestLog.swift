import LedgerModel
import Linux
import Support
import Synchronization
import TestFiles
import Time

@testable import MessageLog

/// A message log in a directory of its own, on a clock that the test sets.
final class TestLog: Sendable {
    let directory: TemporaryDirectory
    let log: MessageLog
    let notices = Notices()
    let clock: TestClock

    static let noon = Timestamp(milliseconds: 1_800_000_000_000)

    final class TestClock: Sendable {
        private let milliseconds: Atomic<Int64>

        init(_ time: Timestamp) { milliseconds = Atomic(time.milliseconds) }

        var now: Timestamp {
            get { Timestamp(milliseconds: milliseconds.load(ordering: .relaxed)) }
            set { milliseconds.store(newValue.milliseconds, ordering: .relaxed) }
        }
    }

    final class Notices: Sendable {
        private let said = Mutex<[MessageLogNotice]>([])
        var all: [MessageLogNotice] { said.withLock { $0 } }
        func add(_ notice: MessageLogNotice) { said.withLock { $0.append(notice) } }
    }

    init(
        in directory: TemporaryDirectory = TemporaryDirectory(), at time: Timestamp = noon,
        maximumBytes: Int = 1 << 30, minimumFreeBytes: Int = 0
    ) throws {
        self.directory = directory
        let clock = TestClock(time)
        let notices = notices
        self.clock = clock
        log = try MessageLog(
            MessageLogSettings(
                directory: directory.file("messages"), maximumBytes: maximumBytes,
                minimumFreeBytes: minimumFreeBytes, flushMilliseconds: 1),
            clock: { clock.now }, say: { notices.add($0) })
        try log.start()
    }

    /// Hands messages over as a shard does, and waits until they are written.
    func write(_ messages: [Sample], keptFor days: UInt16 = 7) {
        var port = MessagePort(log)
        let before = log.standing.stored + log.standing.dropped
        for message in messages {
            let prefix = Array("d/\(message.device.product)/\(message.device.device)/".utf8)
            port.append(
                keptFor: days, at: message.time ?? clock.now, .now(), message.direction,
                qos: message.qos, isRetained: message.isRetained, isDuplicate: false,
                prefix: prefix.span, topic: Array(message.topic.utf8).span,
                payload: message.payload.span)
        }
        port.handOver()
        let wanted = before + messages.count
        precondition(Patience.awaits { log.standing.stored + log.standing.dropped >= wanted })
    }

    /// All of a device's messages, by pages, the oldest first.
    func all(of device: DeviceIdentity, by limit: Int = 100) throws -> [StoredMessage] {
        var found: [StoredMessage] = []
        var query = MessageQuery(limit: limit)
        repeat {
            let page = try log.messages(of: device, query)
            found += page.messages
            query.below = page.next
        } while query.below != nil
        return found.reversed()
    }

    var files: [String] {
        (try? FileSystem.names(in: log.settings.directory).filter { $0.hasSuffix(".messages") })?
            .sorted() ?? []
    }

    var findings: [String] {
        get throws { try MessageAudit.verify(log.settings.directory) }
    }
}

/// What a device has sent or been sent.
struct Sample {
    var device: DeviceIdentity
    var time: Timestamp?
    var direction = StoredMessage.Direction.up
    var qos: UInt8 = 1
    var isRetained = false
    var topic: String
    var payload: [UInt8]

    init(
        _ device: DeviceIdentity, _ topic: String = "up/t", _ payload: [UInt8] = [1],
        at time: Timestamp? = nil, direction: StoredMessage.Direction = .up
    ) {
        self.device = device
        self.topic =
            topic.hasPrefix("/")
            ? String(topic.dropFirst()) : "d/\(device.product)/\(device.device)/\(topic)"
        self.payload = payload
        self.time = time
        self.direction = direction
    }
}

extension DeviceIdentity {
    static func lamp(_ number: Int) -> DeviceIdentity {
        DeviceIdentity(product: ProductKey("lamp")!, device: DeviceKey("l\(number)")!)
    }
}
