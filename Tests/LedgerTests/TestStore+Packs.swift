import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// Top-up packs of the account `acme`.
extension TestStore {
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
            .topUps(
                .enter(
                    Self.acme,
                    kind,
                    source: source,
                    quantity: quantity,
                    expiresAt: now.adding(days: days)
                )
            )
        )
        guard case .done(.changed(.topUps(let change))) = outcome else {
            throw Unexpected(outcome: outcome)
        }
        return change.pack
    }

    /// A lease, or nil when nothing is left.
    func lease(_ needed: UInt64, block: UInt64 = 0, holder: LeaseHolder = holder) throws
        -> TopUpLease?
    {
        let action = TopUpAction.lease(Self.acme, holder: holder, needed: needed, block: block)
        switch try apply(.topUps(action)) {
        case .done(.leased(let lease)): return lease
        case .refused(.topUps(.noneLeft(Self.acme))): return nil
        case let outcome: throw Unexpected(outcome: outcome)
        }
    }

    func settle(_ lease: TopUpLease, used: UInt64) throws {
        let outcome = try apply(.topUps(.settle(lease: lease.id, used: used)))
        if outcome.effect == nil { throw Unexpected(outcome: outcome) }
    }

    /// How many packs were closed.
    func expireTopUps(limit: UInt32 = 100) throws -> UInt32 {
        let outcome = try apply(.topUps(.expire(limit: limit)))
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

    /// Asks for an upgrade: from the allowance and from packs, or the refusal's name.
    func upgrade(
        _ id: String,
        of device: String = "d1",
        megabytes: UInt64 = 5,
        product: String = "PK1"
    ) throws -> Paid {
        let size = UpgradeSize(bytes: megabytes << 20)!
        let identity = Self.device(device, of: product)
        switch try apply(.upgrades(.request(identity, UpgradeID(id)!, size))) {
        case .done(.upgrade(let upgrade)):
            return .paid(upgrade.record.fromAllowance, upgrade.record.fromPacks)
        case .repeated(.upgrade(let upgrade)):
            return .again(upgrade.record.fromAllowance, upgrade.record.fromPacks)
        case .refused(let refusal): return .refused(refusal.name)
        case let outcome: throw Unexpected(outcome: outcome)
        }
    }

    enum Paid: Equatable {
        case paid(UInt64, UInt64)
        case again(UInt64, UInt64)
        case refused(String)
    }

    /// Reports an outcome: the refusal's name, or nil.
    func report(
        _ id: String,
        of device: String = "d1",
        succeeded: Bool = false,
        product: String = "PK1"
    ) throws -> String? {
        let identity = Self.device(device, of: product)
        return try refusal(
            .upgrades(.report(identity, UpgradeID(id)!, succeeded: succeeded))
        )
    }

    func upgrades(of device: String = "d1") throws -> [String] {
        try read { books, transaction throws(StoreError) in
            try books.upgrades(of: Self.device(device), limit: 100, in: transaction)
        }.elements.map { "\($0.id) \($0.record.state.name)" }
    }

    func apply(_ command: Command) throws -> Outcome {
        let transaction = try WriteTransaction(in: environment)
        let outcome = try books.apply(command, in: transaction)
        try transaction.commit()
        return outcome
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
