import Gateway
import Glibc
import Ledger
import Processes
import Randomness
import Reactor
import Support
import TestFiles
import Testing
import Time

@Suite(.waits) struct RandomLifeTests {
    private static let steps = 250

    /// Two lives that are the same every time, and one that is new.
    private static var seeds: [UInt64] {
        let asked = unsafe getenv("TOLLGATE_SIMULATION_SEED").flatMap {
            unsafe UInt64(String(cString: $0))
        }
        return asked.map { [$0] } ?? [1, 2, .random(in: 3...UInt64(UInt32.max))]
    }

    @Test(
        "B1 to B12, C3, C5, C6: whatever happens in whatever order, a plain model knows the outcome",
        arguments: seeds
    )
    func life(seed: UInt64) async throws {
        print("random life: seed \(seed) (TOLLGATE_SIMULATION_SEED repeats it)")
        let clock = ManualClock(wall: Replay.beginning)
        let directory = TemporaryDirectory()
        var life: RandomLife?
        var step = 0
        while step < Self.steps {
            try await TestGateway.run(
                time: .manual(clock),
                directory: directory,
                configure: {
                    Replay.turningByHand(&$0)
                    $0.limits.duplicatesPerMinute = 1_000
                    $0.limits.wrongSecretsPerMinute = 1_000
                }
            ) { world in
                let replay = Replay(clock: clock, world: world)
                if life == nil { life = try await Self.found(replay, seed) }
                life?.world = replay
                do {
                    while step < Self.steps {
                        step += 1
                        if try await life?.step() == true { break }
                    }
                } catch {
                    Issue.record("seed \(seed), step \(step): \(life?.diary.suffix(20) ?? [])")
                    throw error
                }
            }
            life?.world = nil
        }
    }

    private static func found(_ replay: Replay, _ seed: UInt64) async throws -> RandomLife {
        let product = try await replay.world.createProduct(
            codes: 4,
            messagesPerDay: UInt64(RandomLife.allowance),
            validityDays: UInt32(RandomLife.validityDays)
        )
        let names = (0..<6).map { "dk\($0)" }
        let devices = try await replay.world.importDevices(names, into: product)
        return RandomLife(
            world: replay,
            product: product,
            devices: devices.map { ModelDevice($0) },
            remaining: 4,
            random: SplitMix64(seed: seed)
        )
    }
}
