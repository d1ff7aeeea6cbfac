import Bytes
import Glibc
import LedgerModel
import Linux
import MessageLog
import Synchronization
import Time

/// What it costs to store devices' messages, and to read them.
///
/// `MessageBenchmark DIRECTORY MESSAGES DEVICES`: writes so many messages of JSON, of some 100 bytes, in 168 hours of a
/// clock of its own, then reads the latest 100 messages of devices, and 100 from the middle of all. The directory must not exist.
@main
struct MessageBenchmark {
    private static let hours = 168

    /// The hour that the log believes it is.
    private static let clock = Atomic<Int64>(1_800_000_000_000)

    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let count = Int(arguments[2]), let devices = Int(arguments[3])
        else {
            say("MessageBenchmark DIRECTORY MESSAGES DEVICES")
            exit(2)
        }
        let log = try MessageLog(
            MessageLogSettings(
                directory: arguments[1], maximumBytes: 1 << 40, minimumFreeBytes: 1 << 30,
                flushMilliseconds: 50),
            clock: { Timestamp(milliseconds: clock.load(ordering: .relaxed)) },
            say: { say("\($0)") })
        try log.start()
        write(count, of: devices, to: log)
        log.stop()
        try read(of: devices, from: log, "finished")
    }

    private static func identity(_ number: Int) -> DeviceIdentity {
        guard let product = ProductKey("lamp"), let device = DeviceKey("device-\(number)") else {
            preconditionFailure("letters and digits are a key")
        }
        return DeviceIdentity(product: product, device: device)
    }

    private static func write(_ count: Int, of devices: Int, to log: MessageLog) {
        var random = SystemRandomNumberGenerator()
        var port = MessagePort(log)
        let start = MonotonicInstant.now()
        let processorStart = ProcessorTime.ofProcess()
        var made: Int64 = 0
        var appended: Int64 = 0
        var sent = 0
        let burst = 500
        for hour in 0..<hours {
            let end = count * (hour + 1) / hours
            let hourStart = clock.load(ordering: .relaxed)
            let first = sent
            while sent < end {
                let before = ProcessorTime.ofThread()
                let messages = (0..<min(burst, end - sent)).map { index in
                    message(sent + index, of: devices, &random)
                }
                let middle = ProcessorTime.ofThread()
                let now = MonotonicInstant.now()
                let time = Timestamp(
                    milliseconds: hourStart + Int64(3_599_000 * (sent - first) / (end - first)))
                for (prefix, topic, payload) in messages {
                    port.append(
                        keptFor: 7, at: time, now, .up, qos: 1, isRetained: false,
                        isDuplicate: false, prefix: prefix.span, topic: topic.span,
                        payload: payload.span)
                }
                appended += ProcessorTime.ofThread() - middle
                made += middle - before
                sent += messages.count
                // Not faster than it writes: what is measured drops nothing.
                while sent - log.standing.stored > 100_000, port.due != nil {
                    port.handOver()
                    usleep(2_000)
                }
            }
            port.handOver()
            while log.standing.stored + log.standing.dropped < sent { usleep(5_000) }
            clock.store(hourStart + 3_600_000, ordering: .relaxed)
        }
        let seconds = Double(MonotonicInstant.now().nanoseconds(since: start)) / 1e9
        let writer = ProcessorTime.ofProcess() - processorStart - ProcessorTime.ofThread()
        let figures = log.standing
        say(
            "\(count) messages of \(devices) devices in \(Int(seconds)) s, \(figures.dropped) dropped"
        )
        say(
            "processor time a message: \(appended / Int64(count)) ns of the shard, \(writer / Int64(count)) ns of the writer"
        )
        say(
            "\(Double(figures.bytes) / Double(count)) bytes a message, \(figures.segments) segments"
        )
    }

    private static func message(
        _ number: Int, of devices: Int, _ random: inout SystemRandomNumberGenerator
    ) -> (prefix: [UInt8], topic: [UInt8], payload: [UInt8]) {
        let prefix = "d/lamp/device-\(Int.random(in: 0..<devices, using: &random))/"
        let payload =
            "{\"temperature\":\(Int.random(in: 180..<260, using: &random)),\"humidity\":\(Int.random(in: 30..<70, using: &random)),\"battery\":\(Int.random(in: 2_900..<3_300, using: &random)),\"state\":\"on\",\"sequence\":\(number)}"
        return (Array(prefix.utf8), Array("\(prefix)up/telemetry".utf8), Array(payload.utf8))
    }

    private static func read(of devices: Int, from log: MessageLog, _ what: String) throws {
        var latest: [Int64] = []
        var older: [Int64] = []
        var found = 0
        for _ in 0..<500 {
            let device = identity(.random(in: 0..<devices))
            let start = MonotonicInstant.now()
            let page = try log.messages(of: device, MessageQuery(limit: 100))
            latest.append(MonotonicInstant.now().nanoseconds(since: start))
            found += page.messages.count
            guard let next = page.next else { continue }
            let below = next / 2
            let again = MonotonicInstant.now()
            _ = try log.messages(of: device, MessageQuery(below: below, limit: 100))
            older.append(MonotonicInstant.now().nanoseconds(since: again))
        }
        say("a page of the latest: \(spread(latest)), \(found / 500) messages on average")
        if !older.isEmpty { say("a page of half as old: \(spread(older))") }
    }

    private static func spread(_ times: [Int64]) -> String {
        let sorted = times.sorted().map { Double($0) / 1e6 }
        let middle = sorted[sorted.count / 2]
        let high = sorted[sorted.count * 99 / 100]
        return "median \(middle) ms, 99 % \(high) ms, most \(sorted[sorted.count - 1]) ms"
    }

    private static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // Safe: `write` reads the array during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
    }
}
