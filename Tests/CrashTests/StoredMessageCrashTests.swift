import Gateway
import Glibc
import Ledger
import Linux
import MessageLog
import MQTT
import Processes
import Randomness
import Support
import TestFiles
import Testing
import Time

/// `kill -9` while devices' messages are stored.
@Suite(.waits) struct StoredMessageCrashTests {
    private static let rounds = 6

    @Test(
        "D3: killed while messages are stored, a gateway has all but the last seconds' of them, in order, and checks whole"
    )
    func killed() async throws {
        let directory = TemporaryDirectory()
        let device = try await CrashBooks.with(directory) { gateway in
            let devices = try await CrashBooks.found(with: gateway, deviceCount: 1)
            let product = devices[0].identity.product
            try await gateway.submit(
                .products(.update(product, ProductUpdate(messageLog: true))))
            return devices[0]
        }
        var random = SplitMix64(seed: CrashTests.seed)
        // What was acknowledged, and when: number after number.
        var sent: [(number: Int, at: MonotonicInstant)] = []
        var (hasKept, lost) = (0, 0)
        for _ in 0..<Self.rounds {
            let gateway = try ServedGateway(directory)
            let port = try gateway.ports().plain
            let client = try TestClient.connected(port: port, as: .signed(device, secureMode: 3))
            let end = MonotonicInstant.now().adding(
                milliseconds: .random(in: 2_000...6_000, using: &random))
            while MonotonicInstant.now() < end {
                let number = (sent.last?.number ?? 0) + 1
                let payload = "\(number) " + String(repeating: "x", count: 400)
                try client.publish(device.up(), payload, qos: .atLeastOnce)
                sent.append((number, .now()))
            }
            let killedAt = MonotonicInstant.now()
            gateway.kill()
            let found = try numbers(of: device.identity, in: directory)
            #expect(Set(found).count == found.count && found == found.sorted())
            // Of this run: twice the interval, and as much again for a machine that is busy.
            let old = sent.filter { killedAt.milliseconds(since: $0.at) > 4_000 }.map(\.number)
            let missing = Set(old).subtracting(found).count
            #expect(missing <= lost, "\(missing) of \(old.count)")
            lost = sent.count - found.count
            hasKept = found.count
            #expect(try ServedGateway.complaint(of: directory) == nil)
        }
        #expect(hasKept > 0)
    }

    /// Opens the log as the next start does.
    private func numbers(
        of device: DeviceIdentity, in directory: TemporaryDirectory
    ) throws -> [Int] {
        let log = try MessageLog(
            MessageLogSettings(directory: directory.file("data/messages"), minimumFreeBytes: 0),
            clock: { Timestamp.now() }, say: { _ in })
        var found: [Int] = []
        var query = MessageQuery(limit: 1_000)
        repeat {
            let page = try log.messages(of: device, query)
            found += page.messages.compactMap { message in
                Int(String(decoding: message.payload.prefix { $0 != 0x20 }, as: UTF8.self))
            }
            query.below = page.next
        } while query.below != nil
        return found.reversed()
    }
}
