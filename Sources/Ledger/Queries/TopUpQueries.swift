public import Storage
public import Time

/// A top-up pack, with its place in the books.
public struct TopUpPack: Hashable, Sendable {
    public let place: TopUpPlace
    public let record: TopUpRecord

    /// What can be drawn from it at `time`: nothing once it has expired.
    public func available(at time: Timestamp) -> UInt64 {
        place.hasExpired(at: time) ? 0 : record.counters.remaining
    }
}

/// What the books say about top-up packs (rule C6).
extension Books {
    /// The account's packs, by kind and in the order in which they are drawn from; with `openAt`,
    /// only those that something can be drawn from at that time.
    public func topUps(
        of account: AccountID,
        kind: TopUpKind? = nil,
        openAt: Timestamp? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<TopUpPack> {
        guard let openAt else {
            return try page(
                of: topUps,
                account,
                kind,
                cursor: cursor,
                limit: limit,
                in: transaction
            ) { TopUpPack(place: $0, record: $1) }
        }
        return try page(
            of: openTopUps,
            account,
            kind,
            reads: 2,
            cursor: cursor,
            limit: limit,
            in: transaction
        ) { (place, _) throws(StoreError) in
            if place.hasExpired(at: openAt) { return nil }
            return TopUpPack(place: place, record: try topUp(at: place, in: transaction))
        }
    }

    /// `nil` when there never was such a pack.
    public func topUp(
        _ place: TopUpPlace,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TopUpPack? {
        try topUps.get(place, in: transaction).map { TopUpPack(place: place, record: $0) }
    }

    /// The sums over all packs that the account ever had of this kind. Units of a pack that has just
    /// expired are `remaining` until it is closed, which upkeep does.
    public func topUpTotals(
        of account: AccountID,
        _ kind: TopUpKind,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TopUpCounters {
        try topUpTotals.get(KeyPair(account, kind), in: transaction) ?? TopUpCounters()
    }

    /// The changes of the account's packs, newest first.
    public func topUpChanges(
        of account: AccountID,
        kind: TopUpKind? = nil,
        cursor: String? = nil,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> Page<TopUpMovement> {
        typealias Place = KeyPair<AccountID, UInt64>
        let list = ListMark(topUpChanges.name, filter: kind?.name ?? "").within(account)
        var builder = PageBuilder<Place, TopUpMovement>(list, limit: limit, reads: readsPerPage)
        var last: Place?
        if let cursor { last = try PageCursor.key(at: cursor, of: list) as Place }
        var merge = Merge<TopUpKind, UInt64, Void>(orderedBy: >)
        func add(_ kind: TopUpKind, before sequence: UInt64) throws(StoreError) {
            try topUpChanges.forEach(
                in: transaction,
                prefix: KeyPair(account, kind),
                to: .excluding(KeyTriple(account, kind, sequence)),
                reversed: true,
                limit: 1
            ) { key, _ in
                merge.add(.init(source: kind, position: key.third, value: ()))
                return .stop
            }
        }
        for kind in kind.map({ [$0] }) ?? TopUpKind.allCases {
            try add(kind, before: last?.second ?? .max)
        }
        while let head = merge.first, builder.hasRoom() {
            guard let row = try movement(head.position, in: transaction) else {
                throw .malformed(what: "event \(head.position) is no change of a top-up pack")
            }
            // A lease may name a thousand devices: some of them are as long as another record.
            let reads = 2 + row.change.uses.count / 8
            builder.take(row, at: KeyPair(account, head.position), reads: reads)
            merge.removeFirst()
            try add(head.source, before: head.position)
        }
        return builder.page
    }

    /// `nil` unless that event is one that the list of changes shows.
    func movement(
        _ sequence: UInt64,
        in transaction: borrowing some Transaction & ~Copyable
    ) throws(StoreError) -> TopUpMovement? {
        guard let event = try events.get(sequence, in: transaction),
            let change = event.change.ofTopUp, let movement = change.movement
        else { return nil }
        return TopUpMovement(
            sequence: sequence,
            at: event.at,
            actor: event.actor,
            change: change,
            kind: movement.kind,
            units: movement.units
        )
    }

    private func page<Record: StorageRecord, Element: Sendable>(
        of table: Table<TopUpPlace, Record>,
        _ account: AccountID,
        _ kind: TopUpKind?,
        reads: Int = 1,
        cursor: String?,
        limit: Int,
        in transaction: borrowing some Transaction & ~Copyable,
        _ element: (TopUpPlace, Record) throws(StoreError) -> Element?
    ) throws(StoreError) -> Page<Element> {
        guard let kind else {
            return try page(
                of: table,
                prefix: account,
                reads: reads,
                cursor: cursor,
                limit: limit,
                in: transaction,
                element
            )
        }
        return try page(
            of: table,
            prefix: KeyPair(account, kind),
            reads: reads,
            cursor: cursor,
            limit: limit,
            in: transaction,
            element
        )
    }
}

extension Change {
    /// What it was for a top-up pack.
    fileprivate var ofTopUp: TopUpChange? {
        if case .topUps(let change) = self { return change }
        guard case .corrections(let correction) = self,
            case .topUpVoided(let pack, let units) = correction.entry
        else { return nil }
        return TopUpChange(pack: pack, entry: .voided(units: units))
    }
}
