import Glibc
import MQTT
import Sessions
import Storage
import Synchronization
import Time

/// Stored sessions on disk: appends of single messages with some of them waiting, opening, and loading
/// one session among many.
///
/// `SessionBenchmark DIRECTORY SESSIONS APPENDS`: the directory should be on the disk that counts.
@main
struct SessionBenchmark {
    nonisolated static let time = Timestamp(seconds: 1_800_000_000)

    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        precondition(arguments.count == 4, "SessionBenchmark DIRECTORY SESSIONS APPENDS")
        let (directory, count) = (arguments[1], Int(arguments[2])!)
        let appends = Int(arguments[3])!
        unsafe mkdir(directory, 0o700)
        try fill(directory, count)

        var opened: SessionStore?
        let opening = try measure { opened = try SessionStore(in: open(directory)) }
        print("opening with \(count) sessions: \(milliseconds(opening)) ms")
        guard let store = opened else { return }
        try load(store, count)
        for waiting in [1, 16, 256] {
            let total = waiting == 1 ? appends / 8 : appends
            let seconds = append(store, total, waiting: waiting)
            print("appends, \(waiting) waiting: \(Int(Double(total) / seconds)) a second")
        }
    }

    nonisolated static func open(_ directory: String) throws -> SharedEnvironment {
        try SharedEnvironment(path: "\(directory)/usage", mapSizeBytes: 16 << 30)
    }

    nonisolated static func name(_ index: Int) -> SessionName {
        SessionName(product: "PK".utf8Span.span, device: "device-\(index)".utf8Span.span)
    }

    nonisolated static func message() -> QueuedMessage {
        QueuedMessage(
            Message(
                topic: Array("d/PK/device/down/x".utf8),
                payload: [UInt8](repeating: 7, count: 64),
                qos: .atLeastOnce
            ),
            qos: .atLeastOnce
        )
    }

    /// As many devices' sessions, each with two subscriptions and, every tenth, a message.
    nonisolated static func fill(_ directory: String, _ count: Int) throws {
        let shared = try open(directory)
        let store = try SessionStore(in: shared)
        let progress = Progress()
        var submitted = 0
        for start in stride(from: 0, to: count, by: 1_000) {
            var changes: [SessionChange] = []
            for index in start..<min(start + 1_000, count) {
                let number = store.newNumber()
                var record = SessionRecord(
                    number: number,
                    version: .v5,
                    expiryIntervalSeconds: 604_800,
                    subscriptions: ["d/PK/device/down/#", "d/PK/device/sys/#"].map { filter in
                        StoredSubscription(
                            filter: Array(filter.utf8),
                            options: SubscriptionOptions(qos: .atLeastOnce)
                        )
                    },
                    connectedAt: time
                )
                record.end(at: time.adding(seconds: Int64(index)))
                changes.append(.put(name(index), record))
                if index % 10 == 0 { changes.append(.append(number, sequence: 0, message())) }
            }
            store.submit(changes) { progress.count($0) }
            submitted += 1
            progress.wait(until: submitted - 8)
        }
        shared.shutdown()
    }

    nonisolated static func load(_ store: SessionStore, _ count: Int) throws {
        var reader = try store.reader()
        let names = (0..<min(count, 20_000)).map { _ in name(Int.random(in: 0..<count)) }
        var found = 0
        let all = try measure {
            for name in names where try reader.session(name) != nil { found += 1 }
        }
        precondition(found == names.count)
        let one = all / Double(names.count)
        print("loading a session among \(count): \(milliseconds(one * 1_000)) us")
        let absent = (0..<names.count).map { name(count + $0) }
        let none = try measure {
            for name in absent where try reader.record(of: name) != nil { found += 1 }
        }
        print("finding none: \(milliseconds(none / Double(absent.count) * 1_000)) us")
    }

    /// Single messages to as many sessions in turn, so many of them waiting.
    nonisolated static func append(_ store: SessionStore, _ total: Int, waiting: Int) -> Double {
        let progress = Progress()
        let content = message()
        let number = SessionNumber(1)
        return measure {
            for index in 0..<total {
                progress.wait(until: index - waiting + 1)
                store.submit([.append(number, sequence: UInt64(index), content)]) {
                    progress.count($0)
                }
            }
            progress.wait(until: total)
        }
    }

    nonisolated static func measure(_ body: () throws -> Void) rethrows -> Double {
        let time = try ContinuousClock().measure(body).components
        return Double(time.seconds) + Double(time.attoseconds) * 1e-18
    }

    nonisolated static func milliseconds(_ seconds: Double) -> String {
        "\((seconds * 100_000).rounded() / 100)"
    }
}
