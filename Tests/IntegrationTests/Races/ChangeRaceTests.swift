import Gateway
import Ledger
import Linux
import Support
import Testing

extension WholeGateway {
    /// Each proof, and each way to take one away, while many connect over sockets and TLS.
    @Suite("Changes while many connect") struct ChangeRaceTests {
        @Test(
            "B9, B12, E5, E6, E8: of 1,000 that connect while proofs are taken away, none is let in by what is over, none stays by it, none else is refused, and all are counted",
            .timeLimit(.minutes(5)), arguments: RacingChange.all)
        func race(_ change: RacingChange) async throws {
            _ = try ProcessLimits.raiseOpenFiles(to: 1 << 16)
            try await TestGateway.run(shards: 2, configure: change.configure) { gateway in
                let stage = try await change.stage(at: gateway)
                await gateway.settle()
                let before = await Counts(gateway, stage)
                let course = RaceCourse()
                var sum = RaceTally()
                try await withThrowingTaskGroup(of: RaceTally.self) { group in
                    for lane in 0..<RaceStage.lanes {
                        group.addTask { try RaceLane.run(lane, stage, course) }
                    }
                    try await course.change(
                        behind: RaceStage.attempts / 4, at: gateway, stage.actions)
                    for try await tally in group { sum.add(tally) }
                }
                #expect(sum.attempts == RaceStage.attempts + stage.newcomers.count)
                try await check(sum, since: before, stage, gateway)
            }
        }

        /// All that was tried was let in or refused, and what the gateway has counted is what the clients have heard.
        private func check(
            _ sum: RaceTally, since before: Counts, _ stage: RaceStage, _ gateway: TestGateway
        ) async throws {
            let told = sum.told.values.reduce(0, +)
            try await until {
                let now = await Counts(gateway, stage)
                return now.endings.values.reduce(0, +) - before.endings.values.reduce(0, +)
                    == told + sum.untold
            }
            let now = await Counts(gateway, stage)
            #expect(now.accepted - before.accepted == sum.attempts)
            #expect(now.admitted - before.admitted == sum.admitted)
            let texts = Counts.reasons(of: stage).map(\.text)
            #expect(sum.told.keys.allSatisfy { texts.contains($0) }, "\(sum.told)")
            for reason in Counts.reasons(of: stage) {
                let count = (now.endings[reason] ?? 0) - (before.endings[reason] ?? 0)
                let heard = sum.told[reason.text] ?? 0
                #expect(heard...heard + sum.untold ~= count, "\(reason.name)")
            }
        }

        /// What the gateway has counted.
        private struct Counts {
            let accepted: Int
            let admitted: Int
            var endings: [Reason: Int] = [:]

            init(_ gateway: TestGateway, _ stage: RaceStage) async {
                accepted = await gateway.metric("tollgate_connections_accepted_total") ?? 0
                admitted = await gateway.metric("tollgate_connects_admitted_total") ?? 0
                for reason in Self.reasons(of: stage) {
                    endings[reason] = await gateway.endings(reason)
                }
            }

            /// Why the stage's connections are refused, or ended.
            static func reasons(of stage: RaceStage) -> [Reason] {
                let all = stage.refusals + [stage.ending, .sessionTakenOver].compactMap { $0 }
                return all.enumerated().filter { number, reason in
                    !all.prefix(number).contains(reason)
                }.map(\.element)
            }
        }
    }
}
