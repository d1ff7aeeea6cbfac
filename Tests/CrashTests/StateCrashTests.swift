import Glibc
import Ledger
import Linux
import MQTT
import Processes
import Randomness
import Support
import TestFiles
import Testing

/// `kill -9` while devices report their states.
@Suite(.waits) struct StateCrashTests {
    private static let rounds = 5

    @Test(
        "killed behind its acknowledgement, a report is there at the next start, and nothing newer than was sent"
    )
    func killed() async throws {
        let directory = TemporaryDirectory()
        let device = try await CrashBooks.with(directory) { gateway in
            let device = try await CrashBooks.found(with: gateway, deviceCount: 1)[0]
            try await gateway.submit(.products(.countState(device.identity.product, true)))
            return device
        }
        var random = SplitMix64(seed: CrashTests.seed)
        var (sent, acknowledged) = (0, 0)
        for _ in 0..<Self.rounds {
            let gateway = try ServedGateway(directory)
            let client = try TestClient.connected(
                port: try gateway.ports().plain, as: .signed(device, secureMode: 3))
            try client.subscribe("\(device.topicPrefix)sys/state")
            try client.publish("\(device.topicPrefix)sys/state/get", "", qos: .atLeastOnce)
            let text = try client.message(seconds: 10).text
            let found = text.firstRange(of: #""reported":{"n":"#).map { range in
                Int(text[range.upperBound...].prefix { $0.isNumber }) ?? 0
            }
            #expect(
                (acknowledged...sent).contains(found ?? 0), "\(text): \(acknowledged) to \(sent)")
            let end = MonotonicInstant.now().adding(
                milliseconds: .random(in: 300...1_500, using: &random))
            while MonotonicInstant.now() < end {
                sent += 1
                let answer = try client.publish(
                    "\(device.topicPrefix)sys/state/reported", #"{"reported":{"n":\#(sent)}}"#,
                    qos: .atLeastOnce)
                #expect(answer?.code == 0)
                acknowledged = sent
            }
            // One more, whose acknowledgement is not waited for.
            sent += 1
            try client.sendPublish(
                "\(device.topicPrefix)sys/state/reported",
                Array(#"{"reported":{"n":\#(sent)}}"#.utf8), qos: .atLeastOnce, packetID: 60_000)
            gateway.kill()
            #expect(try ServedGateway.complaint(of: directory) == nil)
        }
        #expect(acknowledged > 0)
    }
}
