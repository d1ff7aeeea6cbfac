import Storage
import Testing
import Time

@testable import Ledger
@testable import LedgerModel

extension TestStore {
    /// Holds the books against the model: figures, every device, its history, who is near expiry.
    func compare(with model: Model, at time: Timestamp, _ place: String) throws {
        var (used, remaining) = (0, 0)
        for (key, product) in model.products {
            let known = product.devices.values.count { $0.isRegistered }
            let active = product.devices.values.count { $0.isActive }
            let expected = ProductFigures(
                assigned: UInt64(product.remaining + product.consumed),
                remaining: UInt64(product.remaining),
                consumed: UInt64(product.consumed),
                devicesKnown: UInt64(known),
                devicesActive: UInt64(active)
            )
            try #require(figures(of: key) == expected, "\(place)")
            used += product.consumed
            if !product.isDeleted { remaining += product.remaining }
            for device in CommandSource.devices {
                try compare(product.devices[device], device, of: key, place)
            }
        }
        let unassigned = model.unassigned.values.reduce(0) { $0 + $1.count }
        let figures = try read { books, transaction throws(StoreError) in
            try books.figures(of: TestStore.acme, in: transaction)
        }
        let expected = AccountFigures(
            total: UInt64(used + remaining + unassigned),
            used: UInt64(used),
            remaining: UInt64(remaining + unassigned),
            unassigned: UInt64(unassigned)
        )
        try #require(figures == expected, "\(place)")
        try compareNearExpiry(model, at: time, place)
    }

    private func compare(
        _ expected: Model.Device?,
        _ device: String,
        of product: String,
        _ place: String
    ) throws {
        let found = try record(device, of: product)
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
        let history = try history(device, of: product)
        try #require(history == expected?.periods ?? [], "\(place), \(product).\(device)")
    }

    private func compareNearExpiry(
        _ model: Model,
        at time: Timestamp,
        _ place: String
    ) throws {
        let found = try read { books, transaction throws(StoreError) in
            try books.nearExpiry(
                at: time,
                withinMilliseconds: 5 * TestStore.day,
                limit: 100,
                in: transaction
            )
        }.elements.map { ($0.entitlement.expiresAt, "\($0.identity)") }
        let expected = model.open().filter { expiry, product, device in
            expiry > time && expiry <= time.adding(days: 5)
                && model.products[product]?.isDeleted == false
                && model.products[product]?.devices[device]?.isRegistered == true
        }.map { ($0.0, "\($0.1).\($0.2)") }
        // Of those that end in the same millisecond, the one with the earlier code comes first, which the
        // model does not know.
        let isOrdered = zip(found, found.dropFirst()).allSatisfy { $0.0 <= $1.0 }
        try #require(isOrdered, "\(place)")
        try #require(found.sorted { $0 < $1 }.map(\.1) == expected.map(\.1), "\(place)")
    }
}
