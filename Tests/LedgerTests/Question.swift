import Storage
import Time

@testable import Ledger
@testable import LedgerModel

/// A list of the books that can be asked for, with its elements as text.
struct Question {
    /// A page.
    struct Part {
        let elements: [String]
        let cursor: String?

        /// The elements, with all there is in them.
        let details: String
    }

    let name: String
    private let ask: (Books, String?, Int, borrowing ReadTransaction) throws(StoreError) -> Part

    init<Element>(
        _ name: String,
        _ text: @escaping (Element) -> String,
        _ ask:
            @escaping (
                Books, String?, Int, borrowing ReadTransaction
            ) throws(StoreError) -> Page<Element>
    ) {
        self.name = name
        self.ask = { (books, cursor, limit, transaction) throws(StoreError) in
            let page = try ask(books, cursor, limit, transaction)
            return Part(
                elements: page.elements.map(text), cursor: page.cursor,
                details: "\(page.elements)")
        }
    }

    func page(
        _ books: Books,
        _ environment: Environment,
        cursor: String? = nil,
        limit: Int = 1_000
    ) throws -> Part {
        let transaction = try ReadTransaction(in: environment)
        return try ask(books, cursor, limit, transaction)
    }

    /// All of its pages, each asked for by the cursor of the one before.
    func pages(_ books: Books, _ environment: Environment, limit: Int) throws -> [Part] {
        var pages: [Part] = []
        repeat {
            pages.append(
                try page(books, environment, cursor: pages.last?.cursor, limit: limit))
        } while pages.last?.cursor != nil
        return pages
    }
}

extension Question {
    static func devices(_ product: String, _ state: DeviceState?, at time: Timestamp) -> Question {
        let key = ProductKey(product)!
        return Question("devices of \(product), \(state?.name ?? "all")", { $0.device.text }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.devices(
                of: key, state: state, at: time, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func consumed(_ product: String, _ filter: ActivationFilter) -> Question {
        let key = ProductKey(product)!
        return Question("codes of \(product), \(filter.text)", text(of:)) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.consumedCodes(
                of: key, filter, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func activations(_ product: String, _ device: String) -> Question {
        let identity = TestStore.device(device, of: product)
        return Question("activations of \(identity)", text(of:)) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.activations(of: identity, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func nearExpiry(_ filter: ActivationFilter, days: Int64, at time: Timestamp) -> Question
    {
        Question("near expiry, \(filter.text)", { "\($0.identity)#\($0.entitlement.period)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.nearExpiry(
                at: time, withinMilliseconds: days * TestStore.day, filter, cursor: cursor,
                limit: limit, in: transaction)
        }
    }

    static func assignments(_ account: AccountID, _ matching: String?) -> Question {
        Question(
            "assignments of \(account), \(matching ?? "all")",
            { "\($0.record.product) \($0.record.package) \($0.record.quantity)" }
        ) { (books, cursor, limit, transaction) throws(StoreError) in
            try books.assignments(
                of: account, matching: matching, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func purchases(_ account: AccountID) -> Question {
        Question("purchases of \(account)", { "\($0.first.serial)+\($0.record.quantity)" }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.purchases(of: account, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func products(_ account: AccountID?, among keys: [String]?) -> Question {
        Question("products of \(account?.text ?? "all"), \(keys ?? [])", { $0.key.text }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.products(
                of: account.map { [$0] }, among: keys?.compactMap(ProductKey.init), cursor: cursor,
                limit: limit, in: transaction)
        }
    }

    static func accounts(_ parent: AccountID?) -> Question {
        Question("accounts of \(parent?.text ?? "all")", { $0.id.text }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.accounts(parent: parent, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func keys(_ account: AccountID?) -> Question {
        Question("keys of \(account?.text ?? "all")", { $0.id.text }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.keys(
                of: account.map { [$0] }, cursor: cursor, limit: limit, in: transaction)
        }
    }

    static func packages() -> Question {
        Question("packages", { $0.id.text }) {
            (books, cursor, limit, transaction) throws(StoreError) in
            try books.packages(cursor: cursor, limit: limit, in: transaction)
        }
    }

    private static func text(of activation: Activation) -> String {
        "\(activation.identity)#\(activation.entitlement.period)"
    }
}
