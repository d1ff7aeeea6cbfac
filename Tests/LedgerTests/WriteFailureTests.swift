import Glibc
import Processes
import Randomness
import StoreDump
import Synchronization
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel
@testable import Storage

/// A crash between any two writes: the change that was under way is as if it had never been.
@Suite(.computes) struct WriteFailureTests {
    @Test(
        "A10, B2: a crash between any two writes of a command leaves the books as they were, and the command can be sent again",
        arguments: [31, 32, Seed.fresh])
    func life(seed: UInt64) throws {
        var model = Model()
        try run(CommandSource.self, seed, steps: 150) { store, command in
            _ = model.apply(command)
            try store.compare(with: model, at: command.at, "seed \(seed): \(command)")
        }
        try run(PacksSource.self, seed, steps: 150) { _, _ in }
        try run(ImportSource.self, seed, steps: 150) { _, _ in }
    }

    @Test("Each kind of command can be cut off at each of its writes")
    func everyKind() throws {
        let (store, twin) = (try TestStore(), try TestStore())
        var kinds: Set<String> = []
        var outcome: Outcome?
        for step in Tour.steps {
            let command = Tour.command(step, store, after: outcome)
            let (writes, answer) = try cutOff(command, store, twin)
            #expect(writes > 0 && answer.effect != nil, "\(command)")
            outcome = answer
            kinds.insert(command.action.kind)
        }
        twin.now = store.now
        for store in [store, twin] { try Tour.join(store) }
        for action in Tour.cluster {
            let command = Command(at: store.now, actor: "test", action: .cluster(action))
            let (writes, answer) = try cutOff(command, store, twin)
            #expect(writes > 0 && answer.effect != nil, "\(command)")
            kinds.insert(command.action.kind)
        }
        #expect(kinds == Set(Samples.actions.map(\.kind)))
    }

    @Test(
        "B1, B2: when writing fails among commands that are written together, those answered are in the books, and no other",
        arguments: [41, 42, 43, 44, Seed.fresh])
    func groups(seed: UInt64) throws {
        let twin = try CommandSource.store()
        let directory = TemporaryDirectory()
        var stream = CommandSource(seed: seed)
        var dice = SplitMix64(seed: seed)
        for round in 0..<12 {
            let ledger = try Ledger(
                directory: directory.path, mapSizeBytes: 1 << 26, maximumBatch: 7,
                durability: .unsynced)
            var commands = (0..<40).map { _ in stream.next() }
            if round == 0 {
                commands = (TestStore.beginning + CommandSource.beginning)
                    .map { Command(at: twin.now, actor: "test", action: $0) }
            } else {
                ledger.environment.allow(writes: .random(in: 0..<150, using: &dice))
            }
            let results = Self.submit(commands, to: ledger)
            ledger.shutdown()
            for (command, result) in zip(commands, results) where round > 0 {
                let place = "seed \(seed), round \(round): \(command)"
                switch result {
                case .success(let outcome):
                    try #require(try twin.apply(command) == outcome, "\(place)")
                case .failure(let error): try #require(error == WriterState.forbidden, "\(place)")
                }
            }
            try #require(ledger.verify() == [], "seed \(seed), round \(round)")
            let (left, right) = (
                try StoreDump(ledger.books, ledger.environment), try twin.dump()
            )
            try #require(
                left == right, "seed \(seed), round \(round): \(left.difference(from: right))")
        }
    }

    /// Submits all at once; answers when the last one is answered.
    private static func submit(
        _ commands: [Command],
        to ledger: Ledger
    ) -> [Result<Outcome, StoreError>] {
        let results = Mutex<[Int: Result<Outcome, StoreError>]>([:])
        for (index, command) in commands.enumerated() {
            ledger.submit(command) { result in results.withLock { $0[index] = result } }
        }
        while results.withLock({ $0.count }) < commands.count { usleep(100) }
        return results.withLock { results in commands.indices.compactMap { results[$0] } }
    }

    private func run<Stream: CommandStream>(
        _ type: Stream.Type,
        _ seed: UInt64,
        steps: Int,
        _ compare: (TestStore, Command) throws -> Void
    ) throws {
        let (store, twin) = (try Stream.store(), try Stream.store())
        var stream = Stream(seed: seed)
        var cuts = 0
        for _ in 0..<steps {
            let command = stream.next()
            let (writes, outcome) = try cutOff(command, store, twin)
            stream.learn(outcome)
            try compare(store, command)
            cuts += writes
        }
        #expect(cuts > steps, "seed \(seed)")
    }

    /// Lets the command fail at its first write, then at its second, and so on, until it passes.
    /// Answers how many writes it has.
    private func cutOff(
        _ command: Command,
        _ store: TestStore,
        _ twin: TestStore
    ) throws -> (writes: Int, outcome: Outcome) {
        let before = try store.dump()
        var writes = 0
        var outcome: Outcome?
        while outcome == nil {
            store.environment.allow(writes: writes)
            do {
                outcome = try store.apply(command)
            } catch let error as StoreError where error == WriterState.forbidden {
                // What a process that starts after the crash finds.
                try store.reopen()
                let after = try store.dump()
                try #require(
                    after == before,
                    "write \(writes) of \(command): \(after.difference(from: before))")
                writes += 1
            }
        }
        store.environment.allow(writes: .max)
        try #require(try store.findings() == [], "\(command)")
        try #require(try twin.apply(command) == outcome, "\(command)")
        let (left, right) = (try store.dump(), try twin.dump())
        try #require(left == right, "\(command): \(left.difference(from: right))")
        return (writes, try #require(outcome))
    }
}
