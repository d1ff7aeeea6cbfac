import Storage
import Testing
import Time

@testable import Ledger

/// Top-up packs of the account `acme`.
extension Desk {
    static let holder = LeaseHolder("gateway")!

    /// Enters a pack that runs for `days`; answers its place.
    @discardableResult
    func topUp(
        _ quantity: UInt64,
        _ kind: TopUpKind = .messages,
        days: Int64,
        source: TopUpSource = .purchase
    ) throws -> TopUpPlace {
        let outcome = try apply(
            .topUp(
                .enter(
                    Self.acme,
                    kind,
                    source: source,
                    quantity: quantity,
                    expiresAt: now.adding(days: days)
                )
            )
        )
        guard case .done(.changed(.topUp(let change))) = outcome else {
            throw Unexpected(outcome: outcome)
        }
        return change.pack
    }

    /// A lease, or nil when nothing is left.
    func lease(_ needed: UInt64, block: UInt64 = 0, holder: LeaseHolder = holder) throws
        -> TopUpLease?
    {
        let action = TopUpAction.lease(Self.acme, holder: holder, needed: needed, block: block)
        switch try apply(.topUp(action)) {
        case .done(.leased(let lease)): return lease
        case .refused(.noTopUpLeft(Self.acme)): return nil
        case let outcome: throw Unexpected(outcome: outcome)
        }
    }

    func settle(_ lease: TopUpLease, used: UInt64) throws {
        let outcome = try apply(.topUp(.settle(lease: lease.id, used: used)))
        if outcome.effect == nil { throw Unexpected(outcome: outcome) }
    }

    /// How many packs were closed.
    func expireTopUps(limit: UInt32 = 100) throws -> UInt32 {
        let outcome = try apply(.topUp(.expire(limit: limit)))
        guard case .done(.ended(let count, _)) = outcome else {
            throw Unexpected(outcome: outcome)
        }
        return count
    }

    func counters(_ place: TopUpPlace) throws -> TopUpCounters {
        try read { books, transaction throws(StoreError) in
            try books.topUp(at: place, in: transaction)
        }.counters
    }

    func packs(_ kind: TopUpKind? = nil, openAt: Timestamp? = nil) throws -> [TopUpPack] {
        try read { books, transaction throws(StoreError) in
            try books.topUps(
                of: Self.acme,
                kind: kind,
                openAt: openAt,
                limit: 1_000,
                in: transaction
            )
        }.elements
    }

    /// The list of changes, newest first: `kind units #pack`.
    func movements(_ kind: TopUpKind? = nil) throws -> [String] {
        try read { books, transaction throws(StoreError) in
            try books.topUpChanges(of: Self.acme, kind: kind, limit: 1_000, in: transaction)
        }.elements.map { "\($0.kind.name) \($0.units) #\($0.change.pack.id)" }
    }

    /// Writes behind the books' back.
    func write(
        _ body: (Books, borrowing WriteTransaction) throws(StoreError) -> Void
    ) throws {
        let transaction = try WriteTransaction(in: environment)
        try body(books, transaction)
        try transaction.commit()
    }

    struct Unexpected: Error {
        let outcome: Outcome
    }
}
