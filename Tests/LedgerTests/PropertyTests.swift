import Bytes
import Storage
import Testing
import Time

@testable import Ledger

@Suite struct PropertyTests {
    private func prepared() throws -> Desk {
        let desk = try Desk()
        for key in CommandSource.products.dropFirst() {
            try #require(desk.apply(.createProduct(Desk.newProduct(key))).effect != nil)
        }
        return desk
    }

    private func apply(_ command: Command, to desk: Desk) throws -> Outcome {
        let transaction = try WriteTransaction(in: desk.environment)
        let outcome = try desk.books.apply(command, in: transaction)
        try transaction.commit()
        return outcome
    }

    @Test(
        "A10, B2: any sequence of commands leaves the books as the model has them",
        arguments: [1, 2, 3, 4, 5, 6])
    func model(seed: UInt64) throws {
        let desk = try prepared()
        var model = Model()
        var source = CommandSource(seed: seed)
        for step in 1...600 {
            let command = source.next()
            let outcome = try apply(command, to: desk)
            var refusal: String?
            if case .refused(let reason) = outcome { refusal = reason.name }
            let place = "seed \(seed), step \(step): \(command)"
            try #require(refusal == model.apply(command), "\(place)")
            try compare(desk, model, at: command.at, place)
            if step % 20 == 0 { try #require(desk.findings() == [], "\(place)") }
        }
    }

    private func compare(_ desk: Desk, _ model: Model, at time: Timestamp, _ place: String) throws {
        var (used, remaining) = (0, 0)
        for (key, product) in model.products {
            let known = product.devices.values.count { $0.isRegistered }
            let active = product.devices.values.count { $0.isActive }
            let expected = ProductFigures(
                assigned: UInt64(product.pool.count + product.consumed),
                remaining: UInt64(product.pool.count),
                consumed: UInt64(product.consumed),
                devicesKnown: UInt64(known),
                devicesActive: UInt64(active)
            )
            try #require(desk.figures(of: key) == expected, "\(place)")
            used += product.consumed
            if !product.isDeleted { remaining += product.pool.count }
            for device in CommandSource.devices {
                try compare(desk, product.devices[device], device, of: key, place)
            }
        }
        let unassigned = model.unassigned.values.reduce(0) { $0 + $1.count }
        let figures = try desk.read { books, transaction throws(StoreError) in
            try books.figures(of: Desk.acme, in: transaction)
        }
        let expected = AccountFigures(
            total: UInt64(used + remaining + unassigned),
            used: UInt64(used),
            remaining: UInt64(remaining + unassigned),
            unassigned: UInt64(unassigned)
        )
        try #require(figures == expected, "\(place)")
        try compareNearExpiry(desk, model, at: time, place)
    }

    private func compare(
        _ desk: Desk,
        _ expected: Model.Device?,
        _ device: String,
        of product: String,
        _ place: String
    ) throws {
        let found = try desk.record(device, of: product)
        let record = found.map {
            Model.Device(
                isRegistered: $0.isRegistered,
                isDisabled: $0.isDisabled,
                isExcepted: $0.isExceptedFromRenewal,
                isOpen: $0.isOpen,
                secret: $0.secret,
                isConfirmed: $0.isSecretConfirmed,
                periods: expected?.periods ?? []
            )
        }
        try #require(record == expected, "\(place), \(product).\(device)")
        let history = try desk.history(device, of: product)
        try #require(history == expected?.periods ?? [], "\(place), \(product).\(device)")
    }

    private func compareNearExpiry(
        _ desk: Desk,
        _ model: Model,
        at time: Timestamp,
        _ place: String
    ) throws {
        let found = try desk.read { books, transaction throws(StoreError) in
            try books.nearExpiry(
                at: time,
                withinMilliseconds: 5 * Desk.day,
                limit: 100,
                in: transaction
            )
        }.elements.map { "\($0.identity)" }
        let expected = model.open().filter { expiry, product, device in
            expiry > time && expiry <= time.adding(days: 5)
                && model.products[product]?.isDeleted == false
                && model.products[product]?.devices[device]?.isRegistered == true
        }.map { "\($0.1).\($0.2)" }
        try #require(found == expected, "\(place)")
    }

    @Test("The same commands, sent as bytes, make the same books on two stores")
    func determinism() throws {
        let (first, second) = (try prepared(), try prepared())
        var source = CommandSource(seed: 99)
        for _ in 0..<500 {
            let command = source.next()
            var bytes = ByteBuffer()
            command.encode(into: &bytes)
            var reader = ByteReader(bytes.span)
            let copy = try Command(decoding: &reader)
            #expect(try apply(command, to: first) == apply(copy, to: second))
        }
        #expect(try contents(first) == contents(second))
    }

    /// The bytes of all tables that these commands write, key by key.
    private func contents(_ desk: Desk) throws -> [[UInt8]] {
        let (books, environment) = (desk.books, desk.environment)
        return try bytes(books.books, environment) + bytes(books.products, environment)
            + bytes(books.holdings, environment) + bytes(books.batches, environment)
            + bytes(books.unassigned, environment) + bytes(books.assignments, environment)
            + bytes(books.pools, environment) + bytes(books.lots, environment)
            + bytes(books.devices, environment) + bytes(books.consumptions, environment)
            + bytes(books.expiries, environment) + bytes(books.periods, environment)
            + bytes(books.expiring, environment) + bytes(books.answers, environment)
            + bytes(books.events, environment)
    }

    private func bytes<Key, Record>(
        _ table: Table<Key, Record>,
        _ environment: Environment
    ) throws -> [[UInt8]] {
        let transaction = try ReadTransaction(in: environment)
        var all: [[UInt8]] = []
        try table.scan(in: transaction) { key, record in
            all.append([UInt8](copying: key))
            all.append([UInt8](copying: record))
            return .proceed
        }
        return all
    }
}
