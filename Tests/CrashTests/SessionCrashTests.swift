import Glibc
import Linux
import MQTT
import Support
import TestFiles
import Testing

/// `kill -9` under QoS 1 and QoS 2 traffic to sessions that outlive it.
@Suite(.waits) struct SessionCrashTests {
    private static let rounds = 30
    private static let publishers = 3

    @Test(
        "killed 30 times: no acknowledged message of a persistent session is lost, and none of QoS 2 comes twice"
    )
    func killed() async throws {
        let seed = CrashTests.seed
        print("session crash test: seed \(seed) (TOLLGATE_CRASH_SEED repeats it)")
        var random = SplitMix64(state: seed)
        let directory = TemporaryDirectory()
        let publishers = (0..<Self.publishers).map { CrashPublisher("publisher-\($0)") }
        let present = (0..<2).map { CrashSubscriber("present-\($0)") }
        let away = CrashSubscriber("away")
        for round in 0...Self.rounds {
            let witness = Witness()
            let (child, port) = try Self.start(directory)
            if round == 0 {
                for subscriber in present + [away] { try subscriber.subscribe(port) }
            } else {
                var threads: [Thread] = []
                for publisher in publishers {
                    threads.append(
                        try Thread(name: "publisher") { publisher.run(port, witness) })
                }
                for subscriber in present {
                    threads.append(
                        try Thread(name: "subscriber") { subscriber.run(port, witness) })
                }
                usleep(.random(in: 20_000...300_000, using: &random))
                witness.kills()
                child.kill()
                for thread in threads { thread.join() }
            }
            if round == 0 { child.kill() }
        }
        let (child, port) = try Self.start(directory)
        for subscriber in present + [away] { try subscriber.drain(port) }
        child.kill()
        Self.check(publishers, present + [away], seed)
    }

    private static func check(
        _ publishers: [CrashPublisher],
        _ subscribers: [CrashSubscriber],
        _ seed: UInt64
    ) {
        let acknowledged = publishers.flatMap(\.acknowledged)
        print("session crash test: \(acknowledged.count) messages acknowledged")
        #expect(acknowledged.count > rounds)
        for subscriber in subscribers {
            let counts = subscriber.counts
            let lost = acknowledged.filter { counts[$0, default: 0] == 0 }
            let twice = counts.filter { $0.value > 1 && $0.key.hasSuffix("exactlyOnce") }.keys
            #expect(lost.isEmpty, "seed \(seed): \(subscriber.name) lost \(lost.prefix(10))")
            #expect(twice.isEmpty, "seed \(seed): \(subscriber.name) twice \(twice.prefix(10))")
            #expect(subscriber.complaints.isEmpty, "\(subscriber.complaints.prefix(5))")
        }
        for publisher in publishers {
            #expect(publisher.complaints.isEmpty, "\(publisher.complaints.prefix(5))")
        }
    }

    private static func start(
        _ directory: TemporaryDirectory
    ) throws -> (ChildProcess, UInt16) {
        let child = try ChildProcess(
            CrashTests.program,
            [
                directory.file("data"), TestCertificates.shared.certificateFile,
                TestCertificates.shared.keyFile,
            ]
        )
        try #require(child.waitForOutput { output, _ in output.contains("\n") })
        let words = child.output.split(whereSeparator: { $0 == " " || $0 == "\n" })
        try #require(words.count == 4 && words[0] == "ready", "\(child.output)")
        return (child, try #require(UInt16(words[3])))
    }
}
