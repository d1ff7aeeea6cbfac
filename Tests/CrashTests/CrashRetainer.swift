import MQTT
import Support
import Synchronization

/// Replaces a retained message again and again, and knows which of them may be there after a crash.
final class CrashRetainer: Sendable {
    private struct State {
        var sent = 0
        var acknowledged = 0
        var complaints: [String] = []
    }

    private let name: String
    private let state = Mutex(State())

    init(_ name: String) { self.name = name }

    var complaints: [String] { state.withLock { $0.complaints } }

    /// What is retained now: never older than what was acknowledged, nor newer than what was sent.
    func check(_ port: UInt16) throws {
        let client = try TestClient.connected(port: port, as: .anonymous("\(name)-reader"))
        try client.subscribe("retained/\(name)", qos: .atLeastOnce)
        let (least, most) = state.withLock { ($0.acknowledged, $0.sent) }
        let found = try retained(client, seconds: least > 0 ? 10 : 0.3)
        guard !(least...most).contains(found ?? 0) else { return }
        let complaint = "\(name): \(found ?? 0) is retained, not \(least) to \(most)"
        state.withLock { $0.complaints.append(complaint) }
    }

    /// The number that comes; `nil` when none does in time.
    private func retained(_ client: TestClient, seconds: Double) throws(TestClientError) -> Int? {
        do throws(TestClientError) {
            return Int(try client.message(seconds: seconds).text)
        } catch {
            guard case .timedOut = error else { throw error }
            return nil
        }
    }

    /// Publishes until the gateway is gone.
    func run(_ port: UInt16, _ witness: Witness) {
        do {
            let client = try TestClient.connected(port: port, as: .anonymous(name))
            while !witness.isOver {
                let number = state.withLock { state in
                    state.sent += 1
                    return state.sent
                }
                let qos: QoS = number % 2 == 0 ? .atLeastOnce : .exactlyOnce
                let answer = try client.publish(
                    "retained/\(name)", "\(number)", qos: qos, isRetained: true)
                guard answer?.code == 0 else {
                    witness.complain("\(name): \(number) was answered \(answer?.code ?? 0)")
                    continue
                }
                state.withLock { $0.acknowledged = number }
            }
        } catch {
            witness.complain("\(name): \(error)")
        }
    }
}
