import Storage
import Time

@testable import Ledger
@testable import LedgerModel

extension Question {
    /// Every list there is, most of them with several filters.
    static func all(at time: Timestamp) -> [Question] {
        var list = Model().questions(at: time).map(\.question) + [events(), figures()]
        list += [true, false].map { eventPages(newestFirst: $0) }
        for account in [TestStore.acme, PacksSource.beta] {
            for kind in [nil] + TopUpKind.allCases {
                list += [topUps(account, kind, openAt: nil), topUps(account, kind, openAt: time)]
                list.append(topUpChanges(account, kind))
            }
        }
        for product in CommandSource.products {
            for device in CommandSource.devices { list.append(upgrades(product, device)) }
        }
        return list
    }

    private static func events() -> Question {
        Question("events", { (event: Event) in "\(event.sequence)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            let after = cursor.flatMap { UInt64($0) } ?? 0
            let found = try books.events(after: after, limit: limit, in: transaction)
            return Page(elements: found, cursor: found.last.map { "\($0.sequence)" })
        }
    }

    private static func eventPages(newestFirst isNewestFirst: Bool) -> Question {
        let filter = EventFilter(account: TestStore.acme)
        return Question(
            "events of acme \(isNewestFirst)", { (event: Event) in "\(event.sequence)" }
        ) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.events(
                after: 3, filter, newestFirst: isNewestFirst, cursor: cursor, limit: limit,
                in: transaction)
        }
    }

    /// Of accounts and products: no list, one page.
    private static func figures() -> Question {
        Question("figures", { (line: String) in line }) {
            (books, _, _, transaction) throws(StoreError) in
            var found: [String] = []
            for account in [TestStore.acme, PacksSource.beta] {
                found.append("\(try books.figures(of: account, in: transaction))")
                found.append("\(try books.holdings(of: account, in: transaction))")
            }
            for product in CommandSource.products {
                let key = ProductKey(product)!
                found.append("\(String(describing: try books.figures(of: key, in: transaction)))")
                found.append("\(try books.assignable(to: key, in: transaction))")
            }
            return Page(elements: found, cursor: nil)
        }
    }

    private static func topUps(
        _ account: AccountID,
        _ kind: TopUpKind?,
        openAt time: Timestamp?
    ) -> Question {
        Question("top-ups of \(account), \(kind?.name ?? "all")", { "\($0.place.id)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.topUps(
                of: account, kind: kind, openAt: time, cursor: cursor, limit: limit,
                in: transaction)
        }
    }

    private static func topUpChanges(_ account: AccountID, _ kind: TopUpKind?) -> Question {
        Question("top-up changes of \(account), \(kind?.name ?? "all")", { "\($0.sequence)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.topUpChanges(
                of: account, kind: kind, cursor: cursor, limit: limit, in: transaction)
        }
    }

    private static func upgrades(_ product: String, _ device: String) -> Question {
        let identity = TestStore.device(device, of: product)
        return Question("upgrades of \(identity)", { "\($0.id)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.upgrades(of: identity, cursor: cursor, limit: limit, in: transaction)
        }
    }
}
