import Glibc
import Linux
import MQTT
import Support
import Synchronization

/// Devices that come for the first time, each to all nodes at once.
final class FleetNewcomers: Sendable {
    private let places: GatewayPlaces
    private let record: FleetRecord
    private let next: Atomic<Int>
    private let count: Int

    init(_ places: GatewayPlaces, _ record: FleetRecord, from first: Int, count: Int) {
        self.places = places
        self.record = record
        self.count = count
        next = Atomic(first)
    }

    /// Lets one after another race; several threads may do so.
    func run() {
        while !record.rests {
            let number = next.add(1, ordering: .relaxed).oldValue
            guard number < count else { return }
            // One that was not answered comes again.
            while !record.rests, !race(TestDevice(number: number), number) { usleep(50_000) }
        }
    }

    private func race(_ device: TestDevice, _ number: Int) -> Bool {
        var clients: [TestClient] = []
        for node in places.nodes.indices {
            do throws(TestClientError) {
                let client = try places.client(node)
                client.patienceSeconds = 2
                try client.sendConnect(as: .signed(device, secureMode: 3))
                clients.append(client)
            } catch {
                // That node is away.
            }
        }
        var isAdmitted = false
        for client in clients where answer(of: client) == 0 { isAdmitted = true }
        guard isAdmitted else { return false }
        record.note { facts in
            facts.admitted.insert(number)
            facts.admissions.append(MonotonicInstant.now().nanoseconds / 1_000_000)
        }
        return true
    }

    private func answer(of client: TestClient) -> UInt8? {
        do throws(TestClientError) {
            guard case .connack(let connack)? = try client.next() else { return nil }
            record.note { $0.connacks["newcomer \(connack.code)", default: 0] += 1 }
            return connack.code
        } catch {
            return nil
        }
    }
}
