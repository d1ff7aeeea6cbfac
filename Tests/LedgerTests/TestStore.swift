import Storage
import StoreDump
import TestFiles
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

/// A ledger of a test's own, with a clock that the test sets. It starts with the account `acme`, the
/// packages `small` (10 days, 100 messages) and `large` (20 days, 1,000 messages), and the product
/// `PK1` of `acme`, open for registration.
final class TestStore {
    /// `nil` only while it is opened again. Before the directory: closed before that is removed.
    private var opened: (environment: Environment, books: Books)?
    let directory = TemporaryDirectory()
    var now = Timestamp(milliseconds: 1_700_000_000_000)

    static let day: Int64 = 86_400_000

    init() throws {
        try open()
        for action in Self.beginning { try #require(apply(action).effect != nil) }
    }

    var environment: Environment { opened!.environment }
    var books: Books { opened!.books }

    private func open() throws {
        let environment = try Environment(
            path: directory.path,
            mapSizeBytes: 1 << 26,
            maximumTables: Books.tableCount,
            durability: .unsynced
        )
        opened = (environment, try Books(in: environment))
    }

    /// Closes the store, and opens it again: what was committed is there.
    func reopen() throws {
        opened = nil
        try open()
    }

    func dump() throws -> StoreDump { try StoreDump(books, environment) }

    static let acme = AccountID("acme")!
    static let small = PackageID("small")!
    static let large = PackageID("large")!

    /// Of the same allowance as `small`; tests create it that need it.
    static let twin = PackageID("twin")!
    static let product = ProductKey("PK1")!

    static let allowances: [PackageID: Allowance] = [
        small: Allowance(
            validityDays: 10, messagesPerDay: 100, otaPerMonth: 1, storageDays: 7)!,
        large: Allowance(
            validityDays: 20, messagesPerDay: 1_000, otaPerMonth: 1, storageDays: 7)!,
        twin: Allowance(
            validityDays: 10, messagesPerDay: 100, otaPerMonth: 1, storageDays: 7)!,
    ]

    static var beginning: [Action] {
        [
            .accounts(.create(NewAccount(id: acme, name: "Acme", kind: .enterprise))),
            .packages(.create(small, name: "Small", allowances[small]!)),
            .packages(.create(large, name: "Large", allowances[large]!)),
            .products(.create(newProduct("PK1"))),
        ]
    }

    static func newProduct(
        _ key: String,
        registration: RegistrationPolicy = .open,
        account: AccountID = acme
    ) -> NewProduct {
        NewProduct(
            key: ProductKey(key)!,
            name: "Meter \(key)",
            account: account,
            secret: SealedSecret("product-secret-\(key)")!,
            registration: registration
        )
    }

    static func device(_ key: String, of product: String = "PK1") -> DeviceIdentity {
        DeviceIdentity(product: ProductKey(product)!, device: DeviceKey(key)!)
    }

    /// One command in one committed transaction.
    func apply(_ action: Action, key: String? = nil, actor: String = "test") throws -> Outcome {
        let command = Command(at: now, actor: actor, idempotencyKey: key, action: action)
        let transaction = try WriteTransaction(in: environment)
        let outcome = try books.apply(command, in: transaction)
        try transaction.commit()
        return outcome
    }

    /// The refusal's name, or nil when it was done.
    func refusal(_ action: Action) throws -> String? {
        if case .refused(let refusal) = try apply(action) { refusal.name } else { nil }
    }

    /// Connects a device: whether a code was consumed, or the refusal's name.
    func connect(_ key: String, of product: String = "PK1") throws -> Connected {
        let secret = try record(key, of: product)?.secret
        let outcome = try apply(
            .devices(.activate(Self.device(key, of: product), confirmsSecret: secret?.fingerprint)))
        return switch outcome {
        case .done(.entitled(let entitlement, let consumed)):
            .admitted(until: entitlement.expiresAt, consumed: consumed)
        case .refused(let refusal): .refused(refusal.name)
        default: .refused("unexpected")
        }
    }

    enum Connected: Equatable {
        case admitted(until: Timestamp, consumed: Bool)
        case refused(String)
    }

    func buy(_ quantity: UInt64, _ package: PackageID = small, for product: String? = "PK1") throws
    {
        let outcome = try apply(
            .codes(
                .purchase(
                    Self.acme,
                    package: package,
                    quantity: quantity,
                    product: product.map { ProductKey($0)! }
                )
            )
        )
        try #require(outcome.effect != nil)
    }

    func read<Result>(
        _ body: (Books, borrowing ReadTransaction) throws(StoreError) -> Result
    ) throws -> Result {
        let transaction = try ReadTransaction(in: environment)
        return try body(books, transaction)
    }

    func figures(of product: String = "PK1") throws -> ProductFigures {
        let key = ProductKey(product)!
        return try #require(
            try read { books, transaction throws(StoreError) in
                try books.figures(of: key, in: transaction)
            }
        )
    }

    func blacklist(of product: String = "PK1") throws -> [String] {
        let key = ProductKey(product)!
        return try read { books, transaction throws(StoreError) in
            try books.blacklist(of: key, limit: 100, in: transaction).elements
                .map(\.device.text)
        }
    }

    func record(_ key: String, of product: String = "PK1") throws -> DeviceRecord? {
        try read { books, transaction throws(StoreError) in
            try books.device(Self.device(key, of: product), in: transaction)
        }
    }

    func history(_ key: String, of product: String = "PK1") throws -> [Entitlement] {
        try read { books, transaction throws(StoreError) in
            try books.activations(
                of: Self.device(key, of: product), limit: 1_000, in: transaction)
        }.elements.map(\.entitlement)
    }

    func lastSequence() throws -> UInt64 {
        try read { books, transaction throws(StoreError) in
            try books.lastSequence(in: transaction)
        }
    }

    /// The numbers of the account's assignments, in order.
    func assignments(of account: AccountID = acme) throws -> [UInt64] {
        try read { books, transaction throws(StoreError) in
            try books.assignments(of: account, limit: 10_000, in: transaction)
        }.elements.map(\.sequence).reversed()
    }

    func findings() throws -> [String] {
        try read { books, transaction throws(StoreError) in
            books.verify(in: transaction)
        }
    }

    func advance(days: Int64, milliseconds: Int64 = 0) {
        now = now.adding(milliseconds: days * Self.day + milliseconds)
    }
}

extension TopicPattern {
    /// A text that is a pattern.
    init(known text: String) {
        guard let pattern = try? TopicPattern(text) else {
            preconditionFailure("no pattern: \(text)")
        }
        self = pattern
    }
}
