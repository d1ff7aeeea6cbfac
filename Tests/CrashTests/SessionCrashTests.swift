import Glibc
import Linux
import MQTT
import Processes
import Randomness
import Support
import TestFiles
import Testing

/// `kill -9` under QoS 1 and QoS 2 traffic to sessions that outlive it.
@Suite(.waits) struct SessionCrashTests {
    private static let rounds = 30

    @Test(
        "killed 30 times: no acknowledged message of a persistent session is lost, and none of QoS 2 comes twice"
    )
    func killed() async throws {
        let clients = CrashClients(
            publishers: (0..<3).map {
                CrashPublisher("publisher-\($0)", as: .anonymous("publisher-\($0)"), to: "t/\($0)")
            },
            present: (0..<2).map {
                CrashSubscriber("present-\($0)", as: .anonymous("present-\($0)"), to: "t/#")
            },
            away: [CrashSubscriber("away", as: .anonymous("away"), to: "t/#")]
        )
        try Self.run(clients, in: TemporaryDirectory(), shards: 2, listener: 3)
    }

    @Test(
        "killed 30 times: the same of messages to devices, which applications hear, too, on four shards"
    )
    func killedWithDevices() async throws {
        let directory = TemporaryDirectory()
        let (devices, key) = try await CrashBooks.foundWithApplication(
            in: directory, deviceCount: 4)
        func application(_ name: String) -> TestCredentials {
            .application(key, clientID: name)
        }
        func device(_ number: Int) -> CrashSubscriber {
            CrashSubscriber(
                "dk\(number)", as: .signed(devices[number], secureMode: 3),
                to: devices[number].down("#"), from: "publisher-\(number)")
        }
        let clients = CrashClients(
            publishers: (0..<4).map {
                CrashPublisher(
                    "publisher-\($0)", as: application("publisher-\($0)"), to: devices[$0].down("x")
                )
            },
            present: [
                device(0), device(1),
                CrashSubscriber("present", as: application("present"), to: "d/PK1/+/down/#"),
            ],
            away: [
                device(2), device(3),
                CrashSubscriber("away", as: application("away"), to: "d/PK1/+/down/#"),
            ]
        )
        try Self.run(clients, in: directory, shards: 4, listener: 1)
    }

    /// Kills a gateway again and again while the clients are at work.
    private static func run(
        _ clients: CrashClients,
        in directory: TemporaryDirectory,
        shards: Int,
        listener: Int
    ) throws {
        let seed = CrashTests.seed
        print("session crash test: seed \(seed) (CRASH_SEED repeats it)")
        var random = SplitMix64(seed: seed)
        for round in 0...rounds {
            let witness = Witness()
            let (child, port) = try start(directory, shards: shards, listener: listener)
            if round == 0 {
                for subscriber in clients.subscribers { try subscriber.subscribe(port) }
            } else {
                let threads = try clients.start(port, witness)
                usleep(.random(in: 20_000...300_000, using: &random))
                witness.kills()
                child.kill()
                for thread in threads { thread.join() }
            }
            if round == 0 { child.kill() }
        }
        let (child, port) = try start(directory, shards: shards, listener: listener)
        for subscriber in clients.subscribers { try subscriber.drain(port) }
        child.kill()
        let acknowledged = clients.acknowledged
        print("session crash test: \(acknowledged) messages acknowledged")
        #expect(acknowledged > rounds)
        #expect(clients.findings.isEmpty, "seed \(seed): \(clients.findings.prefix(20))")
    }

    /// `listener`: the place of its port in what the gateway prints.
    private static func start(
        _ directory: TemporaryDirectory,
        shards: Int,
        listener: Int
    ) throws -> (ChildProcess, UInt16) {
        let child = try ChildProcess(
            CrashTests.program,
            [
                directory.file("data"), TestCertificates.shared.certificateFile,
                TestCertificates.shared.keyFile, "\(shards)",
            ]
        )
        try #require(child.waitForOutput { output, _ in output.contains("\n") })
        let words = child.output.split(whereSeparator: { $0 == " " || $0 == "\n" })
        try #require(words.count == 4 && words[0] == "ready", "\(child.output)")
        return (child, try #require(UInt16(words[listener])))
    }
}
