import Bytes
import Processes
import Randomness
import Storage
import StoreDump
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// One log of commands, several stores.
@Suite(.computes) struct DeterminismTests {
    @Test(
        "The same commands, sent as bytes, make byte-identical stores and answers, however many of them go into one transaction",
        arguments: [99, 100, Seed.fresh])
    func life(seed: UInt64) throws {
        try run(CommandSource.self, seed)
        try run(PacksSource.self, seed)
        try run(ImportSource.self, seed)
        try run(TenantSource.self, seed)
    }

    private func run<Stream: CommandStream>(_ type: Stream.Type, _ seed: UInt64) throws {
        let (first, second) = (try Stream.store(), try Stream.store())
        var stream = Stream(seed: seed)
        var dice = SplitMix64(seed: seed)
        for step in 1...12 {
            let place = "seed \(seed), \(type), step \(step)"
            var commands: [Command] = []
            var outcomes: [Outcome] = []
            for _ in 0..<Int.random(in: 1...80, using: &dice) {
                commands.append(stream.next())
                outcomes.append(try first.apply(commands[commands.count - 1]))
                stream.learn(outcomes[outcomes.count - 1])
            }
            let copies = try commands.map(Self.copy(of:))
            let others = try second.environment.write { (transaction) throws(StoreError) in
                var others: [Outcome] = []
                for command in copies {
                    others.append(try second.books.apply(command, in: transaction))
                }
                return others
            }
            try #require(outcomes == others, "\(place)")
            if step == 6 { try second.reopen() }
            let (left, right) = (try first.dump(), try second.dump())
            try #require(left == right, "\(place): \(left.difference(from: right))")
            let time = commands[commands.count - 1].at
            try #require(try answers(first, at: time) == answers(second, at: time), "\(place)")
        }
    }

    private static func copy(of command: Command) throws(MalformedRecord) -> Command {
        var bytes = ByteBuffer()
        command.encode(into: &bytes)
        var reader = ByteReader(bytes.span)
        return try Command(decoding: &reader)
    }

    /// What every list answers, whole, with its cursors.
    private func answers(_ store: TestStore, at time: Timestamp) throws -> [String] {
        try Question.all(at: time).flatMap { question in
            try question.pages(store.books, store.environment, limit: 7).map {
                "\(question.name): \($0.details) \($0.cursor ?? "")"
            }
        }
    }
}
