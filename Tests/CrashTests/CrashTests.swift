import Glibc
import Ledger
import Linux
import Metering
import Processes
import Randomness
import Storage
import Support
import TestFiles
import Testing
import Time

@Suite(.waits) struct CrashTests {
    private static let rounds = 50
    private static let deviceCount = 20_000

    /// Rounds that are long enough for the schedule to flush counters; others are a flash.
    private static let longRounds = [20, 40]

    /// `flushIntervalSeconds` of `CrashGateway`, and what a busy machine may take to write it.
    private static let intervalMilliseconds: Int64 = 1_000
    private static let slackMilliseconds: Int64 = 2_000

    @Test(
        "B1, B2, A10, C7: killed 50 times under load, whoever got a CONNACK is active with one code, and counts are never ahead"
    )
    func killed() async throws {
        let seed = Self.seed
        print("crash test: seed \(seed) (CRASH_SEED repeats it)")
        var random = SplitMix64(seed: seed)
        let directory = TemporaryDirectory()
        let devices = try await Self.found(directory)
        var past = CrashHistory(devices: devices)
        for round in 1...Self.rounds {
            let isEarly = round % 10 == 5
            let witness = Witness()
            let child = try ChildProcess(
                Self.program,
                [
                    directory.file("data"), TestCertificates.shared.certificateFile,
                    TestCertificates.shared.keyFile,
                ]
            )
            if isEarly {
                // While it opens its stores.
                usleep(.random(in: 0...60_000, using: &random))
                child.kill()
            } else {
                let delay: Int64 =
                    Self.longRounds.contains(round)
                    ? 4_500 : .random(in: 5...300, using: &random)
                past.firstNew = try Self.load(
                    child, devices, past.firstNew, witness, milliseconds: delay, &random)
            }
            let findings = try past.check(
                directory,
                witness.testimony,
                behindMilliseconds: Self.intervalMilliseconds + Self.slackMilliseconds
            )
            guard findings.isEmpty else {
                Issue.record("seed \(seed), round \(round): \(findings.prefix(20))")
                return
            }
        }
        print(
            "crash test: \(past.firstNew) devices connected, \(past.admittedCount) were told so,"
                + " \(past.storedUnits) units stored"
        )
        #expect(past.admittedCount > Self.rounds)
        #expect(past.storedUnits > 0)
    }

    static var seed: UInt64 {
        unsafe getenv("CRASH_SEED").flatMap { unsafe UInt64(String(cString: $0)) }
            ?? .random(in: 1...UInt64(UInt32.max))
    }

    /// Lets the load run against the child for a while, then kills it. Answers which devices are new
    /// to the next round.
    private static func load(
        _ child: ChildProcess,
        _ devices: [TestDevice],
        _ firstNew: Int,
        _ witness: Witness,
        milliseconds: Int64,
        _ random: inout SplitMix64
    ) throws -> Int {
        try #require(child.waitForOutput { output, _ in output.contains("\n") })
        let words = child.output.split(whereSeparator: { $0 == " " || $0 == "\n" })
        try #require(words.count == 4 && words[0] == "ready", "\(child.output)")
        let load = CrashLoad(
            devices: devices,
            firstNew: firstNew,
            ports: (try #require(UInt16(words[1])), try #require(UInt16(words[2]))),
            witness: witness
        )
        let steadySeed = random.next()
        var threads = [try Thread(name: "load-steady") { load.runSteadily(seed: steadySeed) }]
        for number in 0..<CrashLoad.threads {
            let seed = random.next()
            threads.append(try Thread(name: "load-\(number)") { load.run(seed: seed) })
        }
        usleep(UInt32(milliseconds) * 1_000)
        witness.kills()
        child.kill()
        for thread in threads { thread.join() }
        return load.firstUntouched
    }

    /// An account with a product, more codes than devices, and the devices.
    private static func found(_ directory: TemporaryDirectory) async throws -> [TestDevice] {
        try await CrashBooks.found(in: directory, deviceCount: deviceCount)
    }

    /// `CrashGateway`, next to the test's own program.
    static var program: String {
        var link = [UInt8](repeating: 0, count: 4_096)
        // Safe: `readlink` writes at most as many bytes as it is told.
        let length = unsafe link.withUnsafeMutableBytes { bytes in
            unsafe readlink("/proc/self/exe", bytes.baseAddress!, bytes.count)
        }
        let own = String(decoding: link.prefix(max(length, 0)), as: UTF8.self)
        return own[...(own.lastIndex(of: "/") ?? own.startIndex)] + "CrashGateway"
    }
}
