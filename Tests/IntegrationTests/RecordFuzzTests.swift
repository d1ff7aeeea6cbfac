import Linux
import MQTT
import RecordModel
import Support
import TLS
import TestFiles
import Testing

extension WholeGateway {
    /// A live listener whose clients' records are damaged on the wire.
    ///
    /// `TOLLGATE_SEED` repeats a run; `RECORD_CONNECTIONS` says how many there are, 20,000 in `make torture`.
    @Suite struct RecordFuzzTests {
        private static var count: Int {
            RecordRandom.number("RECORD_CONNECTIONS").map { Int($0) } ?? 1_500
        }

        private static let width = 25

        /// A version's clients, and the session that the next of them may resume.
        private struct Side {
            let context: TLSContext
            var resumption: TLSResumption?

            init(_ version: TLSVersion) throws {
                context = try TLSContext(
                    connecting: TLSClientConfiguration(
                        authorityFile: TestCertificates.shared.authorityFile,
                        minimumVersion: version, maximumVersion: version))
            }
        }

        /// What has been seen.
        private struct Tally {
            var unharmed = 0
            var resumed = 0
            var alerts: [UInt8: Int] = [:]

            /// Records that others have sealed.
            var foreign: [[UInt8]] = [[UInt8](repeating: 23, count: 40)]
        }

        @Test(
            "[RFC 8446, 6.2] records damaged on the wire end their connection, with the right alert; nothing is left"
        )
        func liveListener() throws {
            let seed = RecordRandom.seed
            print("seed of the live record fuzz: \(seed)")
            var random = RecordRandom(seed: seed)
            let directory = TemporaryDirectory()
            let gateway = try GatewayProcess(in: directory, isEncrypted: true)
            // Some of them on each of its two shards.
            let neighbours = try (0..<4).map { number in
                let client = try TestClient.connected(
                    port: gateway.openPort, certificates: .shared, as: .anonymous("n\(number)"))
                client.patienceSeconds = 60
                try client.subscribe("neighbour/\(number)")
                return client
            }
            var sides = try TLSVersion.allCases.map { try Side($0) }
            var tally = Tally()
            let rounds = Self.count / Self.width
            var settled = (memory: 0, descriptors: 0)
            for round in 0..<rounds {
                try self.round(gateway.openPort, &sides, &tally, &random, seed)
                for (number, neighbour) in neighbours.enumerated() {
                    try neighbour.publish("neighbour/\(number)", "\(round)", qos: .atLeastOnce)
                    #expect(try neighbour.message().text == "\(round)", "seed \(seed)")
                }
                // By then every table has grown to what this load needs.
                if round == rounds / 4 {
                    settled = (try gateway.residentBytes(), gateway.descriptorCount())
                }
            }
            print("live record fuzz: \(Self.count), \(tally.unharmed) unharmed, \(tally.alerts)")
            #expect(tally.unharmed > 0 && tally.resumed > 0)
            // decode_error is rare.
            let alerts: [UInt8] = [10, 20, 22, 70] + (Self.count < 5_000 ? [] : [50])
            for alert in alerts {
                #expect(tally.alerts[alert, default: 0] > 0, "alert \(alert), seed \(seed)")
            }
            let grown = try gateway.residentBytes() - settled.memory
            #expect(grown < 2 << 20, "\(grown) bytes more, seed \(seed)")
            // The last connection's end may still be on its way to the gateway.
            let deadline = MonotonicInstant.now().adding(milliseconds: 60_000)
            while gateway.descriptorCount() > settled.descriptors {
                try #require(
                    MonotonicInstant.now() < deadline, "descriptors are left, seed \(seed)")
            }
            #expect(gateway.errors.isEmpty)
        }

        /// So many connections at once, each with damage of its own.
        private func round(
            _ port: UInt16,
            _ sides: inout [Side],
            _ tally: inout Tally,
            _ random: inout RecordRandom,
            _ seed: UInt64
        ) throws {
            var clients: [(HostileTLSClient, RecordMutation)] = []
            for number in 0..<Self.width {
                let side = random.next(below: sides.count)
                let client = try HostileTLSClient(
                    port: port, context: sides[side].context,
                    resuming: random.next(below: 4) > 0 ? sides[side].resumption : nil,
                    as: .anonymous("h\(number)"))
                sides[side].resumption = client.resumption
                if client.isResumed { tally.resumed += 1 }
                clients.append(
                    (
                        client,
                        RecordMutation.allCases[random.next(below: RecordMutation.allCases.count)]
                    ))
            }
            for (client, mutation) in clients {
                let records = try client.makeRecords(&random)
                let bytes = mutation.applied(to: records, foreign: tally.foreign, &random)
                try client.send(bytes, &random)
                tally.foreign = records
            }
            for (client, mutation) in clients {
                do {
                    if let alert = try client.finish() {
                        tally.alerts[alert, default: 0] += 1
                    } else {
                        tally.unharmed += 1
                    }
                } catch {
                    Issue.record("\(mutation), seed \(seed): \(error)")
                }
            }
        }
    }
}
