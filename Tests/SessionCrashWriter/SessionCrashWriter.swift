import Glibc
import MQTT
import Sessions
import Storage
import Synchronization
import Time

/// A process for tests to kill: it appends messages to one session's queue and acknowledges them, and
/// says on standard output what the store has confirmed.
///
/// `SessionCrashWriter PATH` writes message 0, 1, 2, ... for ever, each with a received packet
/// identifier in the same request, and prints `+N` once it is committed. Ten messages later it deletes
/// both, but for every third message, which it leaves; `-N`.
@main
struct SessionCrashWriter {
    /// How far acknowledgements are behind.
    nonisolated static let lag: UInt64 = 10

    nonisolated static func main() throws {
        let arguments = CommandLine.arguments
        precondition(arguments.count == 2, "SessionCrashWriter PATH")
        let store = try SessionStore(
            in: SharedEnvironment(path: arguments[1], mapSizeBytes: 1 << 30))
        let number = store.newNumber()
        let record = SessionRecord(
            number: number,
            version: .v5,
            expiryIntervalSeconds: 600,
            connectedAt: Timestamp(seconds: 1_800_000_000)
        )
        let name = SessionName(product: "PK".utf8Span.span, device: "d".utf8Span.span)
        store.submit([.put(name, record)]) { _ in say("begun") }
        writeForEver(store, number)
    }

    /// Keeps 256 messages under way.
    nonisolated static func writeForEver(_ store: SessionStore, _ number: SessionNumber) {
        let answered = Progress()
        for sequence in 0...UInt64.max {
            answered.wait(until: sequence < 256 ? 0 : sequence - 256)
            let message = Message(
                topic: Array("a/b".utf8), payload: Array("\(sequence)".utf8), qos: .exactlyOnce)
            store.submit([
                .append(number, sequence: sequence, QueuedMessage(message, qos: .exactlyOnce)),
                .receive(number, packetID: DeliveryQueue.packetID(of: sequence)),
            ]) { result in
                if case .success = result { say("+\(sequence)") }
                answered.count()
            }
            guard sequence >= lag, (sequence - lag) % 3 > 0 else { continue }
            let old = sequence - lag
            store.submit([
                .delete(number, sequence: old),
                .complete(number, packetID: DeliveryQueue.packetID(of: old)),
                .sent(number, below: old + 1),
            ]) { result in
                if case .success = result { say("-\(old)") }
            }
        }
    }

    /// One write, so that a line is whole or not there.
    nonisolated static func say(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        // Safe: `write` reads the array during the call.
        _ = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(1, $0.baseAddress, $0.count) }
    }
}

/// How many appends have been answered.
final class Progress: Sendable {
    private let answered = Atomic<UInt64>(0)

    func count() { answered.add(1, ordering: .releasing) }

    func wait(until count: UInt64) {
        while answered.load(ordering: .acquiring) < count { usleep(50) }
    }
}
