import Ledger
import Reactor
import Storage
import Testing
import Time

@testable import Gateway

/// What shards are told of accounts' authorities.
@Suite struct AuthorityKeeperTests {
    private let account = AccountID("a")!
    private let authority = AuthorityID(String(repeating: "3f", count: 32))!

    /// Books with an authority that has a pattern.
    private func bench() throws -> OrganBench {
        let bench = try OrganBench()
        let rules = try #require(
            AuthorityRules(
                pattern: try CertificatePattern("cn:${dk}"), product: nil,
                registersDevices: false))
        let new = NewAuthority(
            id: authority, account: account, name: "A", certificate: [0x30, 0x00],
            subject: "CN=A", notBefore: OrganBench.noon,
            notAfter: OrganBench.noon.adding(milliseconds: 1_000))
        for action in [
            Action.accounts(.create(NewAccount(id: account, name: "a", kind: .enterprise))),
            .authorities(.register(new)), .authorities(.setRules(authority, rules)),
        ] {
            let command = Command(at: OrganBench.noon, actor: "test", action: action)
            _ = try #require(try bench.context.commons.ledger.carryOut(command).effect)
        }
        return bench
    }

    /// The rules that the shards have been told since the last look; each of them the same.
    private func told(
        _ bench: borrowing OrganBench
    ) -> [[AuthorityID: AuthorityRules]] {
        let parts = bench.context.commons.mailboxes.map {
            mailbox -> [[AuthorityID: AuthorityRules]] in
            var messages: [ShardMessage] = []
            mailbox.drain(into: &messages)
            return messages.compactMap { message -> [AuthorityID: AuthorityRules]? in
                if case .authoritiesChanged(_, let rules) = message { rules } else { nil }
            }
        }
        #expect(parts.allSatisfy { $0 == parts[0] })
        return parts[0]
    }

    @Test("What the shards could not be told is told as soon as the books can be read, and once")
    func later() throws {
        let bench = try bench()
        let ledger = bench.context.commons.ledger
        let keeper = AuthorityKeeper(bench.context.commons)
        for _ in 0..<2 { keeper.tell { () throws(StoreError) in throw .diskFull } }
        #expect(told(bench) == [])
        keeper.catchUp(in: ledger)
        #expect(told(bench).map { $0[authority]?.pattern?.text } == ["cn:${dk}"])
        keeper.catchUp(in: ledger)
        #expect(told(bench) == [])
    }

    @Test("Any event is reason enough to try again; without a failure those about others are none")
    func nextEvent() throws {
        let bench = try bench()
        let ledger = bench.context.commons.ledger
        let keeper = AuthorityKeeper(bench.context.commons)
        let event = try #require(
            try ledger.read { books, transaction throws(StoreError) in
                try books.events(after: 0, limit: 1, in: transaction).first
            })
        keeper.hear(event, in: ledger)
        #expect(told(bench) == [])
        keeper.tell { () throws(StoreError) in throw .diskFull }
        keeper.hear(event, in: ledger)
        #expect(told(bench).count == 1)
    }

    @Test("An authority that is switched off ends what it has vouched for before that event")
    func ended() throws {
        let bench = try bench()
        let ledger = bench.context.commons.ledger
        let keeper = AuthorityKeeper(bench.context.commons)
        ledger.observe { keeper.hear($0, in: ledger) }
        for isOn in [false, true] {
            let command = Command(
                at: OrganBench.noon, actor: "test", action: .authorities(.setOn(authority, isOn)))
            _ = try ledger.carryOut(command)
        }
        var messages: [ShardMessage] = []
        bench.context.commons.mailboxes[0].drain(into: &messages)
        let ends = messages.compactMap { message -> UInt64? in
            if case .authorityEnded(authority, let sequence) = message { sequence } else { nil }
        }
        let last = try ledger.read { books, transaction throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
        #expect(ends == [last - 1])
    }
}
