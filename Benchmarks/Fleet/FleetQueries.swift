import Ledger
import Storage
import Time

/// Every list of the books, with each of its filters.
struct FleetQueries {
    /// Elements asked for.
    static let limit = 100
    static let nearExpiryDays: Int64 = 30

    let plan: FleetPlan
    let ledger: Ledger

    init(_ store: FleetStore) {
        plan = store.plan
        ledger = store.ledger
    }

    func all() throws -> [FleetQuery] {
        try devices() + codes() + nearExpiry() + others()
    }

    private func devices() throws -> [FleetQuery] {
        try [nil, DeviceState.active, .inactive, .disabled].map { state in
            try walked("devices, \(state?.name ?? "all")") {
                (books, cursor, limit, transaction) throws(StoreError) in
                try books.devices(
                    of: FleetPlan.large, state: state, at: FleetPlan.now, cursor: cursor,
                    limit: limit, in: transaction)
            }
        }
    }

    private func codes() throws -> [FleetQuery] {
        let plan = plan
        func filtered(
            _ name: String, _ filter: @escaping (inout Dice) -> ActivationFilter
        ) -> FleetQuery {
            FleetQuery(name) { (dice, books, transaction) throws(StoreError) in
                try books.consumedCodes(
                    of: FleetPlan.large, filter(&dice), limit: Self.limit, in: transaction
                ).elements.count
            }
        }
        return [
            try walked("codes of a product") {
                (books, cursor, limit, transaction)
                    throws(StoreError) in
                try books.consumedCodes(
                    of: FleetPlan.large, cursor: cursor, limit: limit, in: transaction)
            },
            filtered("codes by DK") { dice in
                ActivationFilter(device: FleetPlan.device(dice.number(below: plan.largeDevices)))
            },
            filtered("codes by activation date") { dice in
                ActivationFilter(activated: Self.past(1, &dice))
            },
            filtered("codes by expiry date") { dice in
                ActivationFilter(expires: Self.future(1, &dice))
            },
            filtered("codes by both dates") { dice in
                let activated = Self.past(7, &dice)
                let expires =
                    activated.lowerBound.adding(
                        days: FleetPlan.validityDays)..<activated.upperBound.adding(
                        days: FleetPlan.validityDays - 3)
                return ActivationFilter(activated: activated, expires: expires)
            },
            filtered("codes by dates that exclude one another") { dice in
                let activated = Self.past(7, &dice)
                return ActivationFilter(
                    activated: activated,
                    expires: activated.lowerBound..<activated.upperBound.adding(days: 1))
            },
            FleetQuery("a device's activations") { (dice, books, transaction) throws(StoreError) in
                let number = dice.number(below: plan.smallDevices)
                let product = FleetPlan.small(dice.number(below: FleetPlan.smallProducts))
                return try books.activations(
                    of: DeviceIdentity(product: product, device: FleetPlan.device(number)),
                    limit: Self.limit, in: transaction
                ).elements.count
            },
        ]
    }

    private func nearExpiry() throws -> [FleetQuery] {
        let plan = plan
        func filtered(
            _ name: String, _ filter: @escaping (inout Dice) -> ActivationFilter
        ) -> FleetQuery {
            FleetQuery("near expiry \(name)") { (dice, books, transaction) throws(StoreError) in
                try Self.nearExpiry(books, filter(&dice), nil, Self.limit, transaction)
                    .elements.count
            }
        }
        func walked(_ name: String, _ filter: ActivationFilter) throws -> FleetQuery {
            try self.walked("near expiry \(name)") {
                (books, cursor, limit, transaction) throws(StoreError) in
                try Self.nearExpiry(books, filter, cursor, limit, transaction)
            }
        }
        return [
            try walked("of all", ActivationFilter()),
            try walked("by account", ActivationFilter(accounts: [FleetPlan.owner])),
            try walked("by product", ActivationFilter(products: [FleetPlan.small(7)])),
            try walked("by product's name", ActivationFilter(productName: "meter small1")),
            filtered("by DK") { dice in
                ActivationFilter(device: FleetPlan.device(dice.number(below: plan.smallDevices)))
            },
            filtered("by DK and product") { dice in
                ActivationFilter(
                    products: [FleetPlan.large],
                    device: FleetPlan.device(dice.number(below: plan.largeDevices)))
            },
            filtered("by expiry date") { dice in
                ActivationFilter(expires: Self.soon(1, &dice))
            },
            filtered("by account and expiry date") { dice in
                ActivationFilter(accounts: [FleetPlan.owner], expires: Self.soon(1, &dice))
            },
            filtered("by activation date, all in vain") { dice in
                ActivationFilter(activated: Self.past(1, &dice))
            },
            filtered("of an account of 900 products") { _ in
                ActivationFilter(accounts: [FleetPlan.wide])
            },
            filtered("of an account of 1,500 products") { _ in
                ActivationFilter(accounts: [FleetPlan.wider])
            },
        ]
    }

    private func others() throws -> [FleetQuery] {
        [
            try walked("assignments") { (books, cursor, limit, transaction) throws(StoreError) in
                try books.assignments(
                    of: FleetPlan.owner, cursor: cursor, limit: limit, in: transaction)
            },
            FleetQuery("assignments by product") { (dice, books, transaction) throws(StoreError) in
                let number = dice.number(below: FleetPlan.smallProducts / FleetPlan.owners)
                return try books.assignments(
                    of: FleetPlan.owner,
                    matching: FleetPlan.small(number * FleetPlan.owners).text,
                    limit: Self.limit, in: transaction
                ).elements.count
            },
            FleetQuery("assignments by name") { (_, books, transaction) throws(StoreError) in
                try books.assignments(
                    of: FleetPlan.owner, matching: "meter", limit: Self.limit, in: transaction
                ).elements.count
            },
            try walked("purchases") { (books, cursor, limit, transaction) throws(StoreError) in
                try books.purchases(
                    of: FleetPlan.wider, cursor: cursor, limit: limit, in: transaction)
            },
            try walked("products") { (books, cursor, limit, transaction) throws(StoreError) in
                try books.products(cursor: cursor, limit: limit, in: transaction)
            },
            try walked("products of an account") {
                (books, cursor, limit, transaction) throws(StoreError) in
                try books.products(
                    of: [FleetPlan.wider], cursor: cursor, limit: limit, in: transaction)
            },
            FleetQuery("an account's figures") { (_, books, transaction) throws(StoreError) in
                _ = try books.figures(of: FleetPlan.owner, in: transaction)
                return 1
            },
            FleetQuery("events from a point") { (dice, books, transaction) throws(StoreError) in
                let last = Int(try books.lastSequence(in: transaction))
                return try books.events(
                    after: UInt64(dice.number(below: last)), limit: Self.limit, in: transaction
                ).count
            },
        ]
    }

    /// A list that is asked for at random places: all of it is walked once for their cursors.
    private func walked<Element>(
        _ name: String,
        _ page:
            @escaping (
                Books, String?, Int, borrowing ReadTransaction
            ) throws(StoreError) -> Page<Element>
    ) throws -> FleetQuery {
        var cursors: [String?] = [nil]
        repeat {
            let next = try ledger.read { (books, transaction) throws(StoreError) in
                try page(books, cursors[cursors.count - 1], 1_000, transaction).cursor
            }
            cursors.append(next)
        } while cursors[cursors.count - 1] != nil
        return FleetQuery(name, cursors: cursors, page)
    }

    private static func nearExpiry(
        _ books: Books,
        _ filter: ActivationFilter,
        _ cursor: String?,
        _ limit: Int,
        _ transaction: borrowing ReadTransaction
    ) throws(StoreError) -> Page<NearExpiry> {
        try books.nearExpiry(
            at: FleetPlan.now, withinMilliseconds: nearExpiryDays * 86_400_000, filter,
            cursor: cursor, limit: limit, in: transaction)
    }

    private static func past(_ days: Int64, _ dice: inout Dice) -> Range<Timestamp> {
        let from = FleetPlan.now.adding(days: -Int64(8 + dice.number(below: 340)))
        return from..<from.adding(days: days)
    }

    private static func future(_ days: Int64, _ dice: inout Dice) -> Range<Timestamp> {
        let from = FleetPlan.now.adding(days: Int64(16 + dice.number(below: 340)))
        return from..<from.adding(days: days)
    }

    private static func soon(_ days: Int64, _ dice: inout Dice) -> Range<Timestamp> {
        let from = FleetPlan.now.adding(days: Int64(16 + dice.number(below: 13)))
        return from..<from.adding(days: days)
    }
}
