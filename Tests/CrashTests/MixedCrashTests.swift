import Glibc
import Linux
import Processes
import Randomness
import Support
import Testing

/// `kill -9` at random instants under everything at once.
@Suite(.waits) struct MixedCrashTests {
    /// Kills on one data directory, before the next is founded.
    private static let rounds = 40

    @Test(
        "A8, A10, B1, B2, C6, C7: killed under mixed load, nothing acknowledged is lost, nothing is doubled, the books balance each time"
    )
    func killed() async throws {
        let seed = CrashTests.seed
        print("mixed crash test: seed \(seed) (CRASH_SEED repeats it)")
        var random = SplitMix64(seed: seed)
        let deadline = Self.minutes.map { minutes in
            MonotonicInstant.now().adding(milliseconds: minutes * 60_000)
        }
        var sum = CrashEpisode.Tally()
        repeat {
            var episode = try await CrashEpisode()
            sum += try episode.run(
                rounds: deadline == nil ? 6 : Self.rounds, until: deadline, &random)
            guard sum.findings.isEmpty else {
                Issue.record("seed \(seed), kill \(sum.kills): \(sum.findings.prefix(20))")
                return
            }
            print("mixed crash test: \(Self.summary(sum))")
        } while deadline.map { MonotonicInstant.now() < $0 } ?? false
        #expect(sum.admissions > sum.kills && sum.messages > sum.kills && sum.writes > sum.kills)
    }

    private static func summary(_ sum: CrashEpisode.Tally) -> String {
        "killed \(sum.kills) times; kept \(sum.admissions) admissions, \(sum.units) counted units,"
            + " \(sum.messages) QoS 1 and 2 messages, \(sum.packUnits) units of packs,"
            + " \(sum.writes) writes of the operator"
    }

    /// How long it goes on; `nil`: for a few kills.
    private static var minutes: Int64? {
        unsafe getenv("CRASH_MINUTES").flatMap { unsafe Int64(String(cString: $0)) }
    }
}
