import Glibc
import Linux
import MQTT
import Randomness
import Support
import Synchronization

/// Devices that connect, publish and go, on several threads, until the gateway is gone: new ones that
/// need a code, known ones that must not, and two connections of one device that race for it.
final class CrashLoad: Sendable {
    static let threads = 6

    private let devices: [TestDevice]
    private let firstNew: Int
    private let next: Atomic<Int>
    private let ports: (plain: UInt16, tls: UInt16)
    private let witness: Witness

    /// Devices below `firstNew` have been active before.
    init(
        devices: [TestDevice],
        firstNew: Int,
        ports: (plain: UInt16, tls: UInt16),
        witness: Witness
    ) {
        self.devices = devices
        self.firstNew = firstNew
        self.ports = ports
        self.witness = witness
        next = Atomic(firstNew)
    }

    /// Devices below have been made to connect.
    var firstUntouched: Int { min(next.load(ordering: .relaxed), devices.count) }

    /// Connects and publishes until the gateway is gone.
    func run(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var open: [TestClient] = []
        while !witness.isOver {
            do {
                try step(&random, &open)
            } catch TestClientError.closed(_, let packets)
                where packets.contains(where: Self.isTakeOver)
            {
                // Another connection of the same device has won.
            } catch {
                witness.complain("\(error)")
                if witness.isOver { return }
                usleep(1_000)
            }
            if open.count > 8 { open.removeFirst() }
        }
    }

    /// One device that stays and publishes all the time, so that only the schedule flushes its count.
    func runSteadily(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
        guard number < devices.count else { return }
        do {
            let client = try approach(number, &random)
            try enter(number, client)
            while !witness.isOver {
                try publish(number, client, &random)
                usleep(2_000)
            }
        } catch {
            witness.complain("\(error)")
        }
    }

    private static func isTakeOver(_ packet: TestPacket) -> Bool {
        if case .disconnect(0x8E, _) = packet { true } else { false }
    }

    private func step(_ random: inout SplitMix64, _ open: inout [TestClient]) throws {
        let choice = Int.random(in: 0..<10, using: &random)
        if choice < 7 || firstNew == 0 {
            let number = next.wrappingAdd(1, ordering: .relaxed).oldValue
            guard number < devices.count else { return }
            let isRace = choice == 0
            let rival = isRace ? try approach(number, &random) : nil
            let client = try approach(number, &random)
            if let rival { try enter(number, rival) }
            try enter(number, client)
            try publish(number, client, &random)
            open.append(client)
        } else {
            let number = Int.random(in: 0..<firstNew, using: &random)
            let client = try approach(number, &random)
            try enter(number, client)
            try publish(number, client, &random)
            try client.disconnect()
        }
    }

    /// Sends the device's CONNECT; one in ten over TLS.
    private func approach(_ number: Int, _ random: inout SplitMix64) throws -> TestClient {
        let isEncrypted = Int.random(in: 0..<10, using: &random) == 0
        let client = try TestClient(
            port: isEncrypted ? ports.tls : ports.plain,
            certificates: isEncrypted ? .shared : nil
        )
        try client.sendConnect(as: .signed(devices[number], secureMode: isEncrypted ? 2 : 3))
        return client
    }

    private func enter(_ number: Int, _ client: TestClient) throws {
        let code = try client.first("CONNACK") { packet in
            if case .connack(let connack) = packet { connack.code } else { nil }
        }
        if code == 0 {
            witness.wasAdmitted(number)
        } else {
            witness.complain("device \(number) was refused with \(code)")
        }
    }

    /// Up to four messages of one or two units.
    private func publish(
        _ number: Int,
        _ client: TestClient,
        _ random: inout SplitMix64
    ) throws {
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let units = Int.random(in: 1...2, using: &random)
            witness.sends(units, number)
            let payload = [UInt8](repeating: 7, count: units * 512)
            let code = try client.publish(devices[number].up(), bytes: payload, qos: .atLeastOnce)?
                .code
            if code == 0 {
                witness.wasAcknowledged(units, number)
            } else {
                witness.complain("device \(number)'s message: \(code ?? 0)")
            }
        }
    }
}
